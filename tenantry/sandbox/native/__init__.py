"""A stand-in for the provider azure-native where its plugin cannot be had: same protocol, same behaviour."""
