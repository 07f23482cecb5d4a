//! What an address answers: methods with their handlers, and for every other method the list of them.

use super::body::get_or_head;
use actix_web::dev::Handler;
use actix_web::http::{Method, header};
use actix_web::{FromRequest, HttpRequest, HttpResponse, Resource, Responder, Route, web};
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// A handler, and the methods it is for.
pub(super) struct Answering {
    methods: &'static str,
    route: Route,
}

/// The pattern of the address that was found.
#[derive(Clone, Copy, Debug)]
struct Pattern(&'static str);

/// All of them.
static PATTERNS: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());

/// The pattern of the address that a request is for, also of one that was answered before it got there.
pub(super) fn pattern(request: &HttpRequest) -> Option<&'static str> {
    if let Some(found) = request.app_data::<Pattern>() {
        return Some(found.0);
    }
    let found = request.match_pattern()?;
    PATTERNS.lock().unwrap_or_else(PoisonError::into_inner).get(found.as_str()).copied()
}

/// An address and all it answers. Another method is a 405 that names these (RFC 9110, 15.5.6).
pub(super) fn at<const N: usize>(path: &'static str, answers: [Answering; N]) -> Resource {
    let allowed = answers.each_ref().map(|answer| answer.methods).join(", ");
    PATTERNS.lock().unwrap_or_else(PoisonError::into_inner).insert(path);
    let resource = web::resource(path).app_data(Pattern(path));
    let resource = answers.into_iter().fold(resource, |resource, answer| resource.route(answer.route));
    resource.default_service(web::to(move || {
        let refused = HttpResponse::MethodNotAllowed().insert_header((header::ALLOW, allowed.as_str())).finish();
        std::future::ready(refused)
    }))
}

macro_rules! answering {
    ($($(#[$doc:meta])* $name:ident: $methods:literal by $route:expr;)*) => {
        $($(#[$doc])*
        pub(super) fn $name<F, Args>(handler: F) -> Answering
        where
            F: Handler<Args>,
            Args: FromRequest + 'static,
            F::Output: Responder + 'static,
        {
            Answering { methods: $methods, route: $route.to(handler) }
        })*
    };
}

answering! {
    /// GET and HEAD.
    read: "GET, HEAD" by get_or_head();
    /// GET.
    get: "GET" by web::get();
    /// HEAD.
    head: "HEAD" by web::head();
    /// OPTIONS.
    options: "OPTIONS" by web::route().method(Method::OPTIONS);
    /// POST.
    post: "POST" by web::post();
    /// PUT.
    put: "PUT" by web::put();
    /// PATCH.
    patch: "PATCH" by web::patch();
    /// DELETE.
    delete: "DELETE" by web::delete();
}
