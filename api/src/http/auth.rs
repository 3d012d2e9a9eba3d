//! Who is asking, and whether they may. Knows how a credential travels; what tokens exist is the [`Verifier`]'s
//! business. A token is never logged and never put into an answer.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq;

use super::{Problem, Route};

/// Longest token that is looked at.
const MAX_TOKEN: usize = 4096;

/// What a route wants to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Credential {
    /// Nothing.
    Public,
    /// The token of an operator: `Authorization: Bearer TOKEN`.
    Admin,
}

/// What a principal may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Permissions {
    /// Everything that its credential reaches.
    All,
    /// These, by the names in the route table.
    Only(BTreeSet<String>),
}

/// Who is asking, after the credential was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// What kind of credential it was.
    pub credential: Credential,
    /// How it is called in logs and events.
    pub name: String,
    /// What it may do.
    pub permissions: Permissions,
}

impl Principal {
    /// The operator who holds the admin token.
    pub fn admin(name: impl Into<String>) -> Self {
        Self {
            credential: Credential::Admin,
            name: name.into(),
            permissions: Permissions::All,
        }
    }

    /// Whether it has `permission`.
    pub fn may(&self, permission: &str) -> bool {
        match &self.permissions {
            Permissions::All => true,
            Permissions::Only(names) => names.contains(permission),
        }
    }
}

/// Knows which tokens exist. Compare hashes with [`same`].
pub trait Verifier: Send + Sync + 'static {
    /// Who holds `token`; `None` when nobody does.
    fn verify(&self, token: &str) -> Option<Principal>;
}

/// Whether two hashes are equal, in a time that does not depend on where they differ.
pub fn same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    a.ct_eq(b).into()
}

/// The principal of a route that wants a credential.
#[derive(Debug, Clone)]
pub struct Caller(pub Principal);

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts
            .extensions
            .get::<Caller>()
            .cloned()
            .ok_or_else(Problem::unauthorized)
    }
}

/// What one route's guard needs.
#[derive(Clone)]
pub(super) struct Guard {
    pub route: Route,
    pub verifier: Arc<dyn Verifier>,
}

/// Lets a request through to its handler, or refuses it before a byte of its body is read.
pub(super) async fn guard(
    State(guard): State<Guard>,
    mut request: Request,
    next: Next,
) -> Response {
    match guard.admit(request.headers()) {
        Ok(None) => {}
        Ok(Some(principal)) => {
            tracing::Span::current().record("who", &principal.name);
            request.extensions_mut().insert(Caller(principal));
        }
        Err(problem) => return problem.into_response(),
    }
    next.run(request).await
}

impl Guard {
    fn admit(&self, headers: &HeaderMap) -> Result<Option<Principal>, Problem> {
        if self.route.credential == Credential::Public {
            return Ok(None);
        }
        let token = bearer(headers)?;
        let principal = self.verifier.verify(token).ok_or_else(Problem::bad_token)?;
        if principal.credential != self.route.credential || !principal.may(self.route.permission) {
            return Err(Problem::forbidden(self.route.permission));
        }
        Ok(Some(principal))
    }
}

fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    let value = all.next().ok_or_else(Problem::unauthorized)?;
    if all.next().is_some() {
        return Err(Problem::invalid_header("Authorization", "send it once"));
    }
    let text = value.to_str().map_err(|_| Problem::bad_token())?;
    let (scheme, token) = text.split_once(' ').ok_or_else(Problem::unauthorized)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Problem::unauthorized());
    }
    let token = token.trim();
    if token.is_empty() || token.len() > MAX_TOKEN {
        return Err(Problem::bad_token());
    }
    Ok(token)
}
