//! Keys that sign tokens, as JSON Web Keys (RFC 7517) and Signatures (RFC 7515).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use serde_json::{Value, json};

/// An RSA key of 2,048 bits for tests alone: making one takes seconds.
const RSA_KEY: &[u8] = include_bytes!("rsa-key.der");

/// A key pair.
pub(super) struct SigningKey {
    id: String,
    pair: Pair,
    random: SystemRandom,
}

enum Pair {
    Elliptic(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

impl SigningKey {
    /// Makes a key on the curve P-256.
    pub(super) fn elliptic(id: &str) -> Self {
        let random = SystemRandom::new();
        let kind = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let bytes = EcdsaKeyPair::generate_pkcs8(kind, &random).expect("random numbers");
        let pair = EcdsaKeyPair::from_pkcs8(kind, bytes.as_ref(), &random).expect("a new key");
        Self {
            id: id.to_owned(),
            pair: Pair::Elliptic(pair),
            random,
        }
    }

    /// Returns the RSA key.
    pub(super) fn rsa(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            pair: Pair::Rsa(RsaKeyPair::from_der(RSA_KEY).expect("the file is a key")),
            random: SystemRandom::new(),
        }
    }

    /// Returns the public half.
    pub(super) fn to_jwk(&self) -> Value {
        match &self.pair {
            Pair::Elliptic(pair) => {
                // An uncompressed point: a byte that says so, and two numbers.
                let (x, y) = pair.public_key().as_ref().split_at(33);
                let x = x.split_at(1).1;
                json!({
                    "kid": self.id, "use": "sig", "kty": "EC", "crv": "P-256", "alg": "ES256",
                    "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
                })
            }
            Pair::Rsa(pair) => {
                let public = PublicKeyComponents::<Vec<u8>>::from(pair.public());
                json!({
                    "kid": self.id, "use": "sig", "kty": "RSA", "alg": "RS256",
                    "n": URL_SAFE_NO_PAD.encode(public.n), "e": URL_SAFE_NO_PAD.encode(public.e),
                })
            }
        }
    }

    /// Returns a token of these claims.
    pub(super) fn token(&self, claims: &Value) -> String {
        let algorithm = match &self.pair {
            Pair::Elliptic(_) => "ES256",
            Pair::Rsa(_) => "RS256",
        };
        let header = json!({ "typ": "JWT", "alg": algorithm, "kid": self.id });
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", encode(&header), encode(claims));
        let signature = self.signature(text.as_bytes());
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn signature(&self, message: &[u8]) -> Vec<u8> {
        match &self.pair {
            Pair::Elliptic(pair) => {
                let signature = pair.sign(&self.random, message).expect("random numbers");
                signature.as_ref().to_vec()
            }
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &self.random, message, &mut signature)
                    .expect("the buffer has the key's length");
                signature
            }
        }
    }
}
