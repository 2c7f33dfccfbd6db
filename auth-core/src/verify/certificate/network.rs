use std::net::IpAddr;

use crate::error::{ConfigError, ConfigErrorKind};

/// A range of addresses: `10.0.0.0/8`, `fd00::/8`, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Network {
    /// The bits, from the highest one down; IPv4 has 32 of them.
    first: u128,
    prefix: u32,
    is_v6: bool,
}

impl Network {
    pub(super) fn parse(text: &str) -> Result<Self, ConfigError> {
        let invalid = |why: &str| {
            ConfigError::new(
                ConfigErrorKind::InvalidOption,
                format!("{text:?} is no network such as 10.0.0.0/8: {why}"),
            )
        };
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let address: IpAddr = address.parse().map_err(|_| invalid("it does not begin with an address"))?;
        let (bits, len, is_v6) = bits_of(address);
        let prefix = match prefix {
            None => len,
            Some(digits) if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) => {
                return Err(invalid("no number stands behind the slash"));
            }
            Some(digits) => digits
                .parse()
                .ok()
                .filter(|prefix| *prefix <= len)
                .ok_or_else(|| invalid("more bits are fixed than there are"))?,
        };
        if prefix == 0 {
            return Err(invalid("it is every address"));
        }
        let network = Self { first: bits, prefix, is_v6 };
        if bits & !network.mask() != 0 {
            return Err(invalid("the address has bits behind those that are fixed"));
        }
        Ok(network)
    }

    /// Whether `address` is one of these. An IPv4 address that is written as an IPv6 one is an IPv4 one.
    pub(super) fn contains(&self, address: IpAddr) -> bool {
        let (bits, _, is_v6) = bits_of(address.to_canonical());
        is_v6 == self.is_v6 && bits & self.mask() == self.first
    }

    fn mask(&self) -> u128 {
        let len = if self.is_v6 { 128 } else { 32 };
        let fixed = u128::MAX.checked_shl(len - self.prefix).unwrap_or(0);
        if self.is_v6 { fixed } else { fixed & u128::from(u32::MAX) }
    }
}

fn bits_of(address: IpAddr) -> (u128, u32, bool) {
    match address {
        IpAddr::V4(address) => (u128::from(address.to_bits()), 32, false),
        IpAddr::V6(address) => (address.to_bits(), 128, true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_its_addresses_and_no_others() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
            ("10.1.2.0/23", "10.1.3.255", "10.1.4.0"),
            ("127.0.0.1", "127.0.0.1", "127.0.0.2"),
            ("127.0.0.1/32", "127.0.0.1", "127.0.0.0"),
            ("128.0.0.0/1", "255.255.255.255", "127.255.255.255"),
            ("10.0.0.0/8", "::ffff:10.0.0.1", "::10.0.0.1"),
            ("fd00::/8", "fd12::1", "fe00::1"),
            ("::1", "::1", "::2"),
            ("2001:db8:0:1::/64", "2001:db8:0:1:ffff::", "2001:db8:0:2::"),
            ("8000::/1", "ffff::", "7fff::"),
        ] {
            let parsed = Network::parse(network).unwrap();
            assert!(parsed.contains(inside.parse().unwrap()), "{network} {inside}");
            assert!(!parsed.contains(outside.parse().unwrap()), "{network} {outside}");
        }
        let low = Network::parse("0.0.0.0/1").unwrap();
        assert!(!low.contains("::1".parse().unwrap()), "other families are other addresses");
    }

    #[test]
    fn what_is_no_network_and_what_is_everybody_is_refused() {
        for bad in [
            "",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.0/+8",
            "10.0.0.0/-1",
            "10.0.0.0/8/8",
            "10.0.0/8",
            "10.0.0.1/8",
            "0.0.0.0/0",
            "::/0",
            "::/129",
            "example.com",
            "10.0.0.0-10.0.0.9",
            " 10.0.0.1",
            "fd00::1/8",
        ] {
            assert_eq!(Network::parse(bad).unwrap_err().kind(), ConfigErrorKind::InvalidOption, "{bad}");
        }
    }
}
