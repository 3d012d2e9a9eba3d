//! A node has three fields with three writers, not one state: policy (the operator), health (the system), link (the
//! clock of the leader). [`may_lease`] is the one place that puts them together.

use serde::{Deserialize, Serialize};

use super::names;

/// What the operator wants of the node.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "NodePolicy"))]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// It works.
    Active,
    /// Nothing new.
    Cordoned,
    /// Nothing new, and somebody waits for what runs.
    Draining,
    /// Gone for good.
    Retired,
}

names!(Policy {
    Active = "active",
    Cordoned = "cordoned",
    Draining = "draining",
    Retired = "retired",
});

/// What the system thinks of the node.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "NodeHealth"))]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// Nothing speaks against it.
    Ok,
    /// The system's own cordon, with evidence and an end.
    Quarantined,
}

names!(Health { Ok = "ok", Quarantined = "quarantined" });

/// How long ago the node was heard.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "NodeLink"))]
#[serde(rename_all = "snake_case")]
pub enum Link {
    /// Heard within the silence limit.
    Online,
    /// Not heard for longer than that: nothing new, copies of its frames may start elsewhere.
    Silent,
    /// Not heard for so long that its leases are gone.
    Lost,
}

names!(Link { Online = "online", Silent = "silent", Lost = "lost" });

/// Whether anything new may be leased to a node in these three states.
pub fn may_lease(policy: Policy, health: Health, link: Link) -> bool {
    matches!(
        (policy, health, link),
        (Policy::Active, Health::Ok, Link::Online)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_active_healthy_and_online_nodes_get_leases() {
        for policy in Policy::ALL {
            for health in Health::ALL {
                for link in Link::ALL {
                    let good =
                        (*policy, *health, *link) == (Policy::Active, Health::Ok, Link::Online);
                    assert_eq!(may_lease(*policy, *health, *link), good);
                }
            }
        }
    }
}
