/** The words of the page, in the languages that it speaks. */

const en = {
  signIn: "Sign in", signOut: "Sign out", email: "E-mail", password: "Password",
  wrongLogin: "E-mail or password is wrong.", add: "Add a registration", name: "Full name",
  phone: "Phone number", phoneHint: "With the country code, such as +229 01 23 45 67",
  household: "People in the household", size: "People", language: "Language", note: "Note (optional)",
  save: "Save", recent: "Recent registrations", none: "No registrations yet.", when: "Registered",
  attachment: "Attachment", upload: "Upload", file: "File for", fileHint: "PDF, JPEG, PNG or text, 5 MB at most",
  saved: "Saved.", problem: "That did not work", back: "Back", textsOn: "Text messages: set up",
  textsOff: "Text messages: not set up", intro: "Registrations for cash assistance", of: "of",
};

/** @type {typeof en} */
const fr = {
  signIn: "Se connecter", signOut: "Se déconnecter", email: "E-mail", password: "Mot de passe",
  wrongLogin: "E-mail ou mot de passe incorrect.", add: "Ajouter un enregistrement", name: "Nom complet",
  phone: "Numéro de téléphone", phoneHint: "Avec l’indicatif du pays, par exemple +229 01 23 45 67",
  household: "Personnes dans le ménage", size: "Personnes", language: "Langue", note: "Note (facultatif)",
  save: "Enregistrer", recent: "Enregistrements récents", none: "Aucun enregistrement.", when: "Enregistré",
  attachment: "Pièce jointe", upload: "Envoyer", file: "Fichier pour",
  fileHint: "PDF, JPEG, PNG ou texte, 5 Mo au plus",
  saved: "Enregistré.", problem: "Cela n’a pas fonctionné", back: "Retour", textsOn: "SMS : configurés",
  textsOff: "SMS : non configurés", intro: "Enregistrements pour l’aide en espèces", of: "sur",
};

/** @typedef {typeof en} Texts */

/** @param {string} language @returns {{lang: string, t: Texts}} English where it is not spoken */
export function texts(language) {
  return language.split("-")[0] === "fr" ? { lang: "fr", t: fr } : { lang: "en", t: en };
}
