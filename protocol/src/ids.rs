//! Identifiers as types of their own, so that one can't stand in for another. All are UUID version 7.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! id {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new one, of now.
            #[allow(clippy::new_without_default, reason = "a fresh id is not a default")]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                text.parse().map(Self)
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }
    )*};
}

id! {
    /// A render job: one submission.
    JobId,
    /// One try of something on one node; of a frame job, also the frame job's id.
    AttemptId,
    /// A machine with an agent.
    NodeId,
    /// Frames of a render job to be looked at again.
    RepairId,
    /// A customer of the service (`identity.tenants`).
    TenantId,
    /// One frame of a composition as a picture.
    SnapshotId,
}

impl From<SnapshotId> for JobId {
    /// A snapshot's lease names it where others name their job.
    fn from(id: SnapshotId) -> Self {
        Self(id.0)
    }
}

impl TenantId {
    /// The tenant that every installation has (`brief.md`).
    pub const DEFAULT: Self = Self(Uuid::from_u128(1));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_tenant_is_the_one_of_the_brief() {
        assert_eq!(
            TenantId::DEFAULT.to_string(),
            "00000000-0000-0000-0000-000000000001"
        );
    }
}
