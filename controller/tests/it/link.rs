//! The agents' endpoint, over real QUIC and a real database. The leader is the test itself: it reads what the link tells.

mod downloads;
mod enrolment;
mod sessions;
mod stage;
mod strangers;
mod uploads;
