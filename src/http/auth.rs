//! Who asks. Every handler takes a `Grant`, so no route is open by oversight.
//!
//! Until there are accounts, whoever reaches the server from the same machine is its owner, and
//! the server listens nowhere else. The peer's own address counts, never a header.

use super::error::ApiError;
use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::header;
use actix_web::middleware::Next;
use actix_web::{Error, FromRequest, HttpRequest, ResponseError as _};
use std::fmt;
use std::future::{Ready, ready};
use std::net::SocketAddr;

/// Everything that is answered without a grant: whether the server lives, and nothing of what it
/// keeps.
pub const OPEN_TO_ALL: [&str; 2] = ["/healthz", "/readyz"];

/// Proof that the caller may use what a handler does. Only a request can make one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    role: Role,
}

/// What a caller is to this server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// May do everything.
    Owner,
}

impl Grant {
    /// What the caller is to this server.
    pub fn role(self) -> Role {
        self.role
    }

    fn to(peer: Option<SocketAddr>) -> Result<Self, ApiError> {
        let near = peer.is_some_and(|peer| peer.ip().to_canonical().is_loopback());
        let refusal = "this server only answers its own machine as long as it has no accounts";
        if near { Ok(Self { role: Role::Owner }) } else { Err(ApiError::Forbidden(refusal.into())) }
    }
}

/// Middleware: 403 for everything that is not on the list, pages and unknown addresses included,
/// when the caller would get no grant.
///
/// # Errors
/// Those of the inner service.
pub async fn admit<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B, BoxBody>>, Error> {
    let open = OPEN_TO_ALL.contains(&request.path());
    match Grant::to(request.peer_addr()) {
        Err(error) if !open => Ok(request.into_response(error.error_response()).map_into_right_body()),
        _ => next.call(request).await.map(ServiceResponse::map_into_left_body),
    }
}

impl FromRequest for Grant {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::to(request.peer_addr()))
    }
}

/// A secret that programs show to be let in. Kept as a hash; `Debug` prints stars.
#[derive(Clone)]
pub struct AdminToken {
    hash: blake3::Hash,
}

impl AdminToken {
    /// `None` for an empty secret, which would let everybody in.
    pub fn new(secret: &str) -> Option<Self> {
        (!secret.is_empty()).then(|| Self { hash: blake3::hash(secret.as_bytes()) })
    }

    /// Whether the request carries this token as `Authorization: Bearer <token>`.
    ///
    /// # Errors
    /// `Unauthorized` when it carries another one or none.
    pub fn check(&self, request: &HttpRequest) -> Result<(), ApiError> {
        let shown = bearer(request).ok_or(ApiError::Unauthorized)?;
        // Hashes compare in constant time, and hashing hides the length.
        if blake3::hash(shown) == self.hash { Ok(()) } else { Err(ApiError::Unauthorized) }
    }
}

impl fmt::Debug for AdminToken {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("AdminToken(***)")
    }
}

/// The token of the one `Authorization` field; several are as good as none.
fn bearer(request: &HttpRequest) -> Option<&[u8]> {
    let mut fields = request.headers().get_all(header::AUTHORIZATION);
    let (field, None) = (fields.next()?.as_bytes(), fields.next()) else {
        return None;
    };
    let (scheme, token) = field.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    async fn granted(request: TestRequest) -> bool {
        Grant::extract(&request.to_http_request()).await.is_ok()
    }

    #[actix_web::test]
    async fn only_the_machine_itself_is_the_owner() {
        for (peer, expected) in [
            ("127.0.0.1:9", true),
            ("127.8.8.8:9", true),
            ("[::1]:9", true),
            ("[::ffff:127.0.0.1]:9", true),
            ("192.168.1.5:9", false),
            ("[::ffff:10.0.0.1]:9", false),
            ("[2001:db8::1]:9", false),
        ] {
            let request = TestRequest::default().peer_addr(peer.parse().unwrap());
            assert_eq!(granted(request).await, expected, "{peer}");
        }
        assert!(!granted(TestRequest::default()).await, "no peer at all");
    }

    #[actix_web::test]
    async fn a_header_cannot_move_the_caller() {
        let far = TestRequest::default().peer_addr("203.0.113.7:9".parse().unwrap());
        let far = far.insert_header(("x-forwarded-for", "127.0.0.1")).insert_header(("forwarded", "for=127.0.0.1"));
        assert!(!granted(far).await);
    }

    #[test]
    fn only_the_token_itself_is_let_in() {
        let token = AdminToken::new("s3cret").unwrap();
        let check = |value: &str| {
            token.check(&TestRequest::default().insert_header(("authorization", value)).to_http_request()).is_ok()
        };
        assert!(check("Bearer s3cret") && check("bearer s3cret") && check("BEARER  s3cret"));
        for wrong in
            ["", "s3cret", "Bearer", "Bearer ", "Bearer s3cre", "Bearer s3cret2", "Basic s3cret", "Bearer S3CRET"]
        {
            assert!(!check(wrong), "{wrong}");
        }
        assert!(token.check(&TestRequest::default().to_http_request()).is_err());
        let twice = TestRequest::default()
            .append_header(("authorization", "Bearer s3cret"))
            .append_header(("authorization", "Bearer x"));
        assert!(token.check(&twice.to_http_request()).is_err());
        assert!(AdminToken::new("").is_none());
    }

    #[test]
    fn a_token_is_not_printed() {
        assert_eq!(format!("{:?}", AdminToken::new("s3cret").unwrap()), "AdminToken(***)");
    }
}
