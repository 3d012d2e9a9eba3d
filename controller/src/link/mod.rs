//! The agents' side of the controller: the QUIC endpoint, enrolment, one session for each agent, bytes in and out. It
//! checks who speaks and how much, and passes on what was said; it decides nothing about work (`farm` does).

mod authority;
mod blobs;
mod control;
mod endpoint;
mod enrol;
mod files;
mod live;
mod said;
mod session;
mod uploads;

pub use authority::{Authority, AuthorityError};
pub use endpoint::{ServeError, serve};
