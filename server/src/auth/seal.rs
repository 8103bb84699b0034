//! One value, sealed for its owner (a node, a user) and one field.

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit};
use zeroize::Zeroizing;

use super::keys::{self, Key};
use crate::error::{Error, Kind};
use crate::secret::Secret;

/// The first byte of every blob; another form gets another number.
const VERSION: u8 = 1;
/// Of the key.
pub const PURPOSE: &str = "vault of credentials";
const NONCE_BYTES: usize = 12;
/// Plaintext is filled up to a multiple of this, so that the length of a blob
/// says little about the length of a password.
const PAD_BYTES: usize = 64;
/// A private key of 16384 bits in PEM is under 13 KiB.
pub const PLAIN_BYTES_MAX: usize = 64 << 10;

/// version, nonce, ciphertext with its tag.
pub fn seal(key: &Key, node: i64, field: &str, plain: &[u8]) -> Result<Vec<u8>, Error> {
    if plain.len() > PLAIN_BYTES_MAX {
        return Err(Error::invalid(
            format!("The value of {field} is larger than {PLAIN_BYTES_MAX} bytes."),
            "Keys and passwords are smaller: check what was pasted.",
        ));
    }
    let mut nonce = [0u8; NONCE_BYTES];
    keys::random(&mut nonce)?;
    let length = (4 + plain.len()).next_multiple_of(PAD_BYTES);
    let mut padded = Zeroizing::new(Vec::with_capacity(length));
    padded.extend_from_slice(&(plain.len() as u32).to_be_bytes());
    padded.extend_from_slice(plain);
    padded.resize(length, 0);
    let payload = Payload {
        msg: &padded,
        aad: &associated(node, field),
    };
    let sealed = Aes256Gcm::new((&**key).into())
        .encrypt((&nonce).into(), payload)
        .map_err(|_| Error::internal())?;
    let mut blob = Vec::with_capacity(1 + NONCE_BYTES + sealed.len());
    blob.push(VERSION);
    blob.extend_from_slice(&nonce);
    blob.extend_from_slice(&sealed);
    Ok(blob)
}

pub fn open(key: &Key, node: i64, field: &str, blob: &[u8]) -> Result<Secret, Error> {
    let rest = match blob.split_first() {
        Some((&VERSION, rest)) => rest,
        Some((_, _)) => {
            return Err(Error::new(
                Kind::Database,
                "A credential in the database was sealed by a later release.",
                "Start the later release.",
            ));
        }
        None => return Err(damaged()),
    };
    let (nonce, sealed) = rest
        .split_first_chunk::<NONCE_BYTES>()
        .ok_or_else(damaged)?;
    let payload = Payload {
        msg: sealed,
        aad: &associated(node, field),
    };
    let padded = Zeroizing::new(
        Aes256Gcm::new((&**key).into())
            .decrypt(nonce.into(), payload)
            .map_err(|_| damaged())?,
    );
    let (length, padded) = padded.split_first_chunk::<4>().ok_or_else(damaged)?;
    let plain = padded
        .get(..u32::from_be_bytes(*length) as usize)
        .ok_or_else(damaged)?;
    let text = std::str::from_utf8(plain).map_err(|_| damaged())?;
    Ok(Secret::new(text.to_owned()))
}

fn associated(node: i64, field: &str) -> Vec<u8> {
    let mut data = Vec::with_capacity(32 + field.len());
    data.extend_from_slice(b"stardust credential");
    data.push(VERSION);
    data.extend_from_slice(&node.to_be_bytes());
    data.extend_from_slice(field.as_bytes());
    data
}

fn damaged() -> Error {
    Error::new(
        Kind::Database,
        "A stored credential does not open: it was damaged, or moved here from another node.",
        "Enter the node's credentials anew.",
    )
}
