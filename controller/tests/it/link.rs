//! The agents' endpoint, over real QUIC and a real database. The leader is the test itself: it reads what the link tells.

#![expect(
    clippy::unwrap_used,
    reason = "what these tests share fails like the tests themselves: at once, with its line"
)]

mod downloads;
mod enrolment;
mod restart;
mod sessions;
mod stage;
mod strangers;
mod uploads;
