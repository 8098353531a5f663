//! VNC Authentication: DES with the password as key (RFC 6143, 7.2.2). It is weak by design
//! and offered for local sockets only.

use cipher::{Array, BlockCipherEncrypt, KeyInit};

/// A VncAuth password. Only the first eight bytes count; the protocol has no room for more.
#[derive(Clone)]
pub struct Password([u8; 8]);

impl Password {
    /// Takes the first eight bytes of `password`.
    #[must_use]
    pub fn new(password: &[u8]) -> Self {
        let mut key = [0; 8];
        for (byte, given) in key.iter_mut().zip(password) {
            *byte = *given;
        }
        Self(key)
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password")
    }
}

/// What a viewer that knows `password` answers to `challenge`.
#[must_use]
pub fn vnc_auth_response(password: &Password, challenge: [u8; 16]) -> [u8; 16] {
    // VNC's first implementation numbered a key byte's bits from the other end.
    let key = password.0.map(u8::reverse_bits);
    let des = des::Des::new(&Array::from(key));
    let mut response = challenge;
    let (blocks, _) = response.as_chunks_mut::<8>();
    for block in blocks {
        let mut cipher_block = Array::from(*block);
        des.encrypt_block(&mut cipher_block);
        *block = cipher_block.into();
    }
    response
}

/// Compares without an early end, so that the time tells nothing about the first difference.
pub(crate) fn equal(left: [u8; 16], right: [u8; 16]) -> bool {
    let difference = left.iter().zip(right).fold(0, |sum, (left, right)| sum | (left ^ right));
    std::hint::black_box(difference) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn response_is_des_with_reversed_key_bits() {
        // FIPS 81's DES example: key 0123456789abcdef, "Now is t" -> 3fa40e8a984d4815.
        let password = [0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef].map(u8::reverse_bits);
        let response = vnc_auth_response(&Password::new(&password), *b"Now is tNow is t");
        let block = [0x3f, 0xa4, 0x0e, 0x8a, 0x98, 0x4d, 0x48, 0x15];
        assert_eq!(response[..8], block);
        assert_eq!(response[8..], block);
    }

    #[test]
    fn only_eight_bytes_of_a_password_count() {
        let challenge = [7; 16];
        let short = vnc_auth_response(&Password::new(b"12345678"), challenge);
        let long = vnc_auth_response(&Password::new(b"123456789"), challenge);
        let other = vnc_auth_response(&Password::new(b"1234567"), challenge);
        assert!(equal(short, long) && !equal(short, other));
    }
}
