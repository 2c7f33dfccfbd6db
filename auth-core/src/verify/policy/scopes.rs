use crate::verify::Principal;

/// Whether a caller was granted `needed`, or, where `separator` parts levels, a scope above it: `orders` is above
/// `orders:read`, and nothing is above `orders`.
pub(super) fn has_scope(principal: &Principal, needed: &str, separator: Option<char>) -> bool {
    principal.scopes().any(|own| grants(own, needed, separator))
}

fn grants(own: &str, needed: &str, separator: Option<char>) -> bool {
    if own == needed {
        return true;
    }
    let Some(separator) = separator else { return false };
    // A scope that is nothing, or ends in the separator, is above nothing.
    !own.is_empty()
        && !own.ends_with(separator)
        && needed.strip_prefix(own).is_some_and(|below| below.starts_with(separator))
}

#[cfg(test)]
mod tests {
    use super::*;

    // R6749-3.3a
    #[test]
    fn without_a_separator_only_the_very_scope_will_do() {
        assert!(grants("orders:read", "orders:read", None));
        for own in ["orders", "orders:", "Orders:read", "orders:read:all", "orders:rea", ""] {
            assert!(!grants(own, "orders:read", None), "{own}");
        }
    }

    #[test]
    fn with_a_separator_a_whole_level_above_will_do_and_none_below_or_beside() {
        for own in ["orders:read:own", "orders:read", "orders"] {
            assert!(grants(own, "orders:read:own", Some(':')), "{own}");
        }
        for own in ["order", "orders:", "orders:read:", "orders:rea", "orders:read:own:x", ":", "", "Orders", "orders/"]
        {
            assert!(!grants(own, "orders:read:own", Some(':')), "{own}");
        }
        assert!(grants("a", "a.b", Some('.')) && !grants("a", "a:b", Some('.')));
    }
}
