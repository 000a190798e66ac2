/** Reports an exception to Application Insights, in the envelope that its SDKs send. */

/** @param {Error} error @returns {Promise<number>} the status of the answer */
export async function report(error) {
  const told = Object.fromEntries(
    process.env.APPLICATIONINSIGHTS_CONNECTION_STRING.split(";").filter(Boolean).map((part) => part.split("=")),
  );
  const exception = { id: 1, typeName: error.name, message: error.message, hasFullStack: false };
  const envelope = {
    name: "Microsoft.ApplicationInsights.Exception",
    time: new Date().toISOString(),
    iKey: told.InstrumentationKey,
    tags: { "ai.cloud.role": "attachments" },
    data: { baseType: "ExceptionData", baseData: { ver: 2, exceptions: [exception] } },
  };
  const answer = await fetch(`${told.IngestionEndpoint}v2.1/track`, {
    method: "POST", body: JSON.stringify(envelope), headers: { "content-type": "application/x-json-stream" },
  });
  return answer.status;
}
