//! Tests of what every route shares, over a small table of their own.

#![expect(clippy::disallowed_methods, reason = "tests wait with deadlines")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod auth;
mod body;
mod farm;
mod stream;
mod wrapping;
