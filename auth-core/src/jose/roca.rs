//! The fingerprint of RSA keys that a widespread hardware generator made badly (CVE-2017-15361, "ROCA"): their
//! moduli can be factored.

/// Small primes modulo which the powers of 65537 are but a part of all residues. The primes of such a key are
/// powers of 65537 modulo all of them, and so is the modulus.
const PRIMES: [u32; 17] = [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157];

/// Whether `modulus` (big-endian) has the fingerprint. A sound one has it with a probability of about 2^-28.
pub(super) fn has_fingerprint(modulus: &[u8]) -> bool {
    PRIMES.iter().all(|&prime| is_power_of_65537(remainder(modulus, prime), prime))
}

fn remainder(number: &[u8], prime: u32) -> u32 {
    number.iter().fold(0, |rest, &byte| (rest << 8 | u32::from(byte)) % prime)
}

fn is_power_of_65537(residue: u32, prime: u32) -> bool {
    let mut power = 1;
    loop {
        if power == residue {
            return true;
        }
        power = power * 65537 % prime;
        // Back at the start: every power has been seen.
        if power == 1 {
            return false;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // R8725-3.4a
    #[test]
    fn a_power_of_65537_has_the_fingerprint_and_its_neighbour_has_not() {
        // 65537 ^ 3, 65537 ^ 3 + 2
        assert!(has_fingerprint(&281_487_861_809_153_u64.to_be_bytes()));
        assert!(!has_fingerprint(&281_487_861_809_155_u64.to_be_bytes()));
        assert!(!has_fingerprint(&[]));
    }

    proptest! {
        // R8725-3.4a
        #[test]
        fn a_random_modulus_has_not(modulus in proptest::collection::vec(any::<u8>(), 256)) {
            prop_assert!(!has_fingerprint(&modulus));
        }
    }
}
