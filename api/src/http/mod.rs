//! What every route shares, so that no two routes differ in how they refuse, log or protect.
//!
//! A route exists only by its entry in a [`Table`]: who may call it and what its body is are checked before its
//! handler runs. Whatever is refused, by the router too, is a [`Problem`].

mod auth;
mod body;
mod events;
mod layers;
mod openapi;
mod params;
mod problem;
mod shape;
mod table;
mod upload;
mod wrong;

pub use auth::{Caller, Credential, Permissions, Principal, Verifier, same};
pub use body::Body;
pub use events::{Event, LastEventId, events};
pub use layers::RequestId;
pub use params::{Path, Query};
pub use problem::{Problem, field};
pub use shape::{Answer, Gives, Param, Refusal, Shape};
pub use table::{Route, Table, Takes};
pub use upload::Upload;
