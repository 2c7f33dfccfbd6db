/// The path of a call, in the one form that routing and policies share: `/package.Service/Method`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MethodPath<'a> {
    path: &'a str,
    service: &'a str,
}

impl<'a> MethodPath<'a> {
    /// Nothing is decoded, trimmed or folded: two spellings of one method would be two policies for it. `None` for
    /// everything but a slash, a service, a slash and a method.
    pub(super) fn parse(path: &'a str) -> Option<Self> {
        let (service, method) = path.strip_prefix('/')?.split_once('/')?;
        (is_service_name(service) && is_identifier(method)).then_some(Self { path, service })
    }

    /// The whole path, `/package.Service/Method`.
    pub(super) fn as_str(self) -> &'a str {
        self.path
    }

    /// The service, `package.Service`.
    pub(super) fn service(self) -> &'a str {
        self.service
    }
}

/// Whether `name` is `Service` or `package.Service`: identifiers of Protocol Buffers with dots between them.
pub(super) fn is_service_name(name: &str) -> bool {
    name.split('.').all(is_identifier)
}

fn is_identifier(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    name.bytes().next().is_some_and(is_letter) && name.bytes().all(|byte| is_letter(byte) || byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    // GRPC-8
    #[test]
    fn a_path_is_a_service_and_a_method() {
        let path = MethodPath::parse("/grpc.health.v1.Health/Check").unwrap();
        assert_eq!((path.as_str(), path.service()), ("/grpc.health.v1.Health/Check", "grpc.health.v1.Health"));
        assert_eq!(MethodPath::parse("/Bare/_method2").unwrap().service(), "Bare");
    }

    // GRPC-8, THREAT-V15
    #[test]
    fn anything_else_is_no_path_of_a_method() {
        for odd in [
            "",
            "/",
            "//",
            "*",
            "Service/Method",
            "/Service",
            "/Service/",
            "//Method",
            "//Service/Method",
            "/Service//Method",
            "/Service/Method/",
            "/Service/Method/more",
            "/Service%2FMethod",
            "/Service/%4Dethod",
            "/Service/Method%00",
            "/Service/Method?x",
            "/Service/Method#x",
            "/Service/Method;x",
            "/a..Service/Method",
            "/.Service/Method",
            "/Service./Method",
            "/../Service/Method",
            "/Service/..",
            "/Service/.",
            "/Service\\Method",
            "/Service/Me thod",
            " /Service/Method",
            "/Service/Method ",
            "/Sérvice/Method",
            "/1Service/Method",
            "/Service/a.b",
            "https://host/Service/Method",
        ] {
            assert_eq!(MethodPath::parse(odd), None, "{odd:?}");
        }
    }
}
