//! As much DER as it takes to read the two numbers of an `RSAPublicKey` (RFC 8017 appendix A.1.1).

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;

/// Modulus and exponent of an `RSAPublicKey`, without leading zeros.
pub(super) fn rsa_public_numbers(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (body, rest) = element(SEQUENCE, der)?;
    let (n, body_rest) = element(INTEGER, body)?;
    let (e, end) = element(INTEGER, body_rest)?;
    (rest.is_empty() && end.is_empty()).then(|| (without_zeros(n), without_zeros(e)))
}

/// The content of the element at the start of `der`, which has `tag`, and what comes after it.
fn element(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&first, der) = der.split_first()?;
    let (&length, mut der) = der.split_first()?;
    let mut size = usize::from(length);
    if length & 0x80 != 0 {
        let (digits, rest) = der.split_at_checked(usize::from(length & 0x7f))?;
        // Two digits reach 65,535 bytes, far above the largest key we take.
        if digits.len() > 2 {
            return None;
        }
        size = digits.iter().fold(0, |size, digit| size << 8 | usize::from(*digit));
        der = rest;
    }
    (first == tag).then_some(())?;
    der.split_at_checked(size)
}

fn without_zeros(number: &[u8]) -> &[u8] {
    &number[number.iter().take_while(|byte| **byte == 0).count()..]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_numbers_are_read_in_short_and_long_form() {
        assert_eq!(rsa_public_numbers(&[0x30, 7, 2, 2, 0, 0xab, 2, 1, 3]), Some((&[0xab][..], &[3][..])));
        let mut long = vec![0x30, 0x82, 0x01, 0x07, 0x02, 0x82, 0x01, 0x00];
        long.extend([0x7f; 256]);
        long.extend([2, 1, 3]);
        assert_eq!(rsa_public_numbers(&long), Some((&[0x7f; 256][..], &[3][..])));
        assert_eq!(rsa_public_numbers(&long[..long.len() - 1]), None);
        assert_eq!(rsa_public_numbers(&[0x30, 3, 2, 1, 3]), None);
        assert_eq!(rsa_public_numbers(&[0x30, 7, 2, 2, 0, 0xab, 2, 1, 3, 0]), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = rsa_public_numbers(&bytes);
        }
    }
}
