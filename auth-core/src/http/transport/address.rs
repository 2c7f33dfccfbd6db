use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::error::{ConfigError, ConfigErrorKind};

/// Which addresses a transport may connect to.
///
/// The guard against server-side request forgery: a URL that a tenant supplied, or that a challenge named, must not
/// reach into the own network (RFC 9728 section 7.7). It judges the address that is connected to, after the name is
/// resolved.
///
/// ```
/// use tower_auth_core::AddressPolicy;
///
/// let policy = AddressPolicy::public_only().allow_network("10.20.0.0/16")?.allow_host("login.corp.example");
/// assert!(policy.permits("login.partner.example", "10.20.3.4".parse()?));
/// assert!(!policy.permits("login.partner.example", "169.254.169.254".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct AddressPolicy {
    public_only: bool,
    hosts: Vec<String>,
    networks: Vec<Network>,
}

#[derive(Clone, Copy, Debug)]
struct Network {
    address: u128,
    mask: u128,
    v4: bool,
}

impl AddressPolicy {
    /// Every address: for URLs that the operator configured.
    #[must_use]
    pub fn any() -> Self {
        Self::default()
    }

    /// Only globally routable unicast addresses.
    ///
    /// Refused are private, loopback, link-local, shared (RFC 6598), unique-local, site-local, multicast, unspecified,
    /// documentation, benchmarking and reserved ranges. IPv4 inside IPv6 is judged as the IPv4 address if it is mapped
    /// or behind the well-known NAT64 prefix, and refused in every other form (compatible, 6to4, Teredo, local NAT64).
    #[must_use]
    pub fn public_only() -> Self {
        Self { public_only: true, ..Self::default() }
    }

    /// Opens `host`, whatever it resolves to. It is compared without case; there are no patterns.
    #[must_use]
    pub fn allow_host(mut self, host: impl Into<String>) -> Self {
        self.hosts.push(host.into().to_ascii_lowercase());
        self
    }

    /// Opens a network in CIDR notation (`10.20.0.0/16`, `fd00:1::/32`), or a single address.
    ///
    /// # Errors
    /// When `network` is neither, or has bits behind its prefix.
    pub fn allow_network(mut self, network: &str) -> Result<Self, ConfigError> {
        let parsed = Network::parse(network).ok_or_else(|| {
            ConfigError::new(
                ConfigErrorKind::InvalidOption,
                format!("{network:?} is not a network: an address, '/', and a prefix length with zeros behind it"),
            )
        })?;
        self.networks.push(parsed);
        Ok(self)
    }

    /// Whether a connection to `address`, to which `host` resolved, is allowed.
    #[must_use]
    pub fn permits(&self, host: &str, address: IpAddr) -> bool {
        let address = address.to_canonical();
        !self.public_only
            || self.hosts.iter().any(|own| own.eq_ignore_ascii_case(host))
            || self.networks.iter().any(|network| network.contains(address))
            || is_public(address)
    }

    pub(super) fn is_any(&self) -> bool {
        !self.public_only
    }
}

impl Network {
    fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let (bits, width) = bits(address);
        let prefix = match prefix {
            Some(prefix) if prefix.bytes().all(|byte| byte.is_ascii_digit()) => prefix.parse().ok()?,
            Some(_) => return None,
            None => width,
        };
        if prefix > width {
            return None;
        }
        let ones = u128::MAX.checked_shl(width - prefix).unwrap_or(0);
        let mask = if width == 32 { ones & u128::from(u32::MAX) } else { ones };
        (bits & mask == bits).then_some(Self { address: bits, mask, v4: address.is_ipv4() })
    }

    fn contains(&self, address: IpAddr) -> bool {
        self.v4 == address.is_ipv4() && bits(address).0 & self.mask == self.address
    }
}

/// The address as a number, and how many bits it has.
fn bits(address: IpAddr) -> (u128, u32) {
    match address {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()), 32),
        IpAddr::V6(v6) => (v6.to_bits(), 128),
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

/// The special-purpose registry of IPv4 (RFC 6890 and its updates), turned round.
fn is_public_v4(address: Ipv4Addr) -> bool {
    let special = match address.octets() {
        [0 | 10 | 127, ..] => true,
        // Shared address space of carriers.
        [100, b, ..] => (64..128).contains(&b),
        [169, 254, ..] => true,
        [172, b, ..] => (16..32).contains(&b),
        // Protocol assignments, documentation, 6to4 relays, private, AS112.
        [192, 0, 0 | 2, _]
        | [192, 88, 99, _]
        | [192, 168, ..]
        | [192, 31, 196, _]
        | [192, 52, 193, _]
        | [192, 175, 48, _] => true,
        // Benchmarking and documentation.
        [198, 18 | 19, ..] | [198, 51, 100, _] | [203, 0, 113, _] => true,
        // Multicast, reserved, broadcast.
        [224..=255, ..] => true,
        _ => false,
    };
    !special
}

/// Global unicast is `2000::/3`; what is special within it is taken out again (RFC 4291, RFC 6890, RFC 9637).
fn is_public_v6(address: Ipv6Addr) -> bool {
    match address.segments() {
        // NAT64 with the well-known prefix: what matters is behind the translator (RFC 6052).
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            is_public_v4(Ipv4Addr::from_bits((u32::from(high) << 16) | u32::from(low)))
        }
        // IETF protocol assignments, among them Teredo, ORCHID and benchmarking.
        [0x2001, second, ..] if second < 0x200 => false,
        // Documentation; 6to4.
        [0x2001, 0x0db8, ..] | [0x2002, ..] => false,
        [0x3fff, second, ..] if second < 0x1000 => false,
        [0x2000..=0x3fff, ..] => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permits(policy: &AddressPolicy, address: &str) -> bool {
        policy.permits("host.example", address.parse().unwrap())
    }

    // THREAT-T6, R9728-7.7a
    #[test]
    fn addresses_that_are_not_public_are_refused() {
        let policy = AddressPolicy::public_only();
        for bad in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::10.0.0.1",
            "::8.8.8.8",
            "::ffff:10.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::10.0.0.1",
            "64:ff9b::127.0.0.1",
            "64:ff9b:1::8.8.8.8",
            "100::1",
            "2001::1",
            "2001:2::1",
            "2001:20::1",
            "2001:db8::1",
            "2002:0a00:0001::1",
            "2002:0808:0808::1",
            "3fff::1",
            "3fff:fff::1",
            "5f00::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!permits(&policy, bad), "{bad}");
            assert!(permits(&AddressPolicy::any(), bad), "{bad}");
        }
    }

    // THREAT-T6
    #[test]
    fn public_addresses_are_let_through() {
        let policy = AddressPolicy::public_only();
        for good in [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "223.255.255.255",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "2001:200::1",
            "2606:4700:4700::1111",
            "2a00:1450:4001::1",
            "3fff:1000::1",
        ] {
            assert!(permits(&policy, good), "{good}");
        }
    }

    // THREAT-T6
    #[test]
    fn an_allow_list_opens_hosts_and_networks_and_nothing_beside_them() {
        let policy = AddressPolicy::public_only()
            .allow_host("Login.Corp.example")
            .allow_network("10.20.0.0/16")
            .unwrap()
            .allow_network("fd00:1::/32")
            .unwrap()
            .allow_network("127.0.0.1")
            .unwrap();
        assert!(policy.permits("login.corp.example", "192.168.0.1".parse().unwrap()));
        assert!(!policy.permits("a.login.corp.example", "192.168.0.1".parse().unwrap()));
        for good in ["10.20.255.1", "::ffff:10.20.0.1", "fd00:1:2::3", "127.0.0.1"] {
            assert!(permits(&policy, good), "{good}");
        }
        for bad in ["10.21.0.1", "fd00:2::1", "127.0.0.2"] {
            assert!(!permits(&policy, bad), "{bad}");
        }
    }

    #[test]
    fn networks_are_read_strictly() {
        for bad in ["", "10.0.0.0/33", "10.0.0.1/8", "10/8", "10.0.0.0/", "10.0.0.0/+8", "::/129", "a/8"] {
            assert!(AddressPolicy::public_only().allow_network(bad).is_err(), "{bad}");
        }
        for good in ["0.0.0.0/0", "::/0", "::1", "1.2.3.4/32", "fe80::/10"] {
            assert!(AddressPolicy::public_only().allow_network(good).is_ok(), "{good}");
        }
    }
}
