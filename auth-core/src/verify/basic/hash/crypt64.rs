//! The base64 of crypt(3): another alphabet, the low bits first, the bytes in an order of each scheme's own.

const ALPHABET: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The bytes that `text` holds; `order` says for each byte written where it belongs. `None` if it holds other than that
/// many.
pub(super) fn decode(text: &str, order: &[usize]) -> Option<Vec<u8>> {
    if text.len() != (order.len() * 8).div_ceil(6) {
        return None;
    }
    let mut bytes = vec![0; order.len()];
    for (letters, places) in text.as_bytes().chunks(4).zip(order.chunks(3)) {
        let mut bits = 0_u32;
        for (number, letter) in letters.iter().enumerate() {
            let value = ALPHABET.iter().position(|own| own == letter)?;
            bits |= u32::try_from(value).ok()? << (6 * number);
        }
        for place in places {
            *bytes.get_mut(*place)? = (bits & 0xff) as u8;
            bits >>= 8;
        }
        if bits != 0 {
            return None;
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_become_bytes_in_their_order_and_nothing_may_be_left_over() {
        assert_eq!(decode("..../.", &[2, 1, 0, 3]), Some(vec![0, 0, 0, 1]));
        assert_eq!(decode("zzzz", &[0, 1, 2]), Some(vec![255; 3]));
        assert_eq!(decode("/...", &[2, 1, 0]), Some(vec![0, 0, 1]));
        for bad in ["", "...", ".....", "...-", "...\u{e9}"] {
            assert_eq!(decode(bad, &[0, 1, 2]), None, "{bad:?}");
        }
        assert_eq!(decode("zz", &[0]), None, "more bits than one byte has");
    }
}
