//! Nodes, their certificates, samples and caches.

use flatrender_protocol::message::{Inventory, Sample};
use flatrender_protocol::state::{Health, Link, Policy};
use flatrender_protocol::{Digest, NodeId};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Named, StoreError, parse};

/// A node's row.
#[derive(Debug, Clone)]
pub struct NodeRow {
    /// Its id.
    pub id: NodeId,
    /// Its name.
    pub name: String,
    /// The machine's own name.
    pub hostname: String,
    /// Operating system and version.
    pub os: String,
    /// The operator's.
    pub policy: Policy,
    /// The system's.
    pub health: Health,
    /// End of a quarantine.
    pub health_until: Option<OffsetDateTime>,
    /// As last written.
    pub link: Link,
    /// Of its agent.
    pub agent_version: Option<String>,
    /// Logical processors.
    pub cores: Option<i32>,
    /// In MiB.
    pub memory_mib: Option<i64>,
    /// Attempts at once.
    pub slots: i32,
    /// Version lines.
    pub renderers: Vec<String>,
    /// Has ffmpeg.
    pub can_assemble: bool,
    /// Has an After Effects that runs scripts.
    pub can_prepare: bool,
    /// Entries of its cache.
    pub cache_entries: i64,
    /// Bytes of its cache.
    pub cache_bytes: i64,
    /// Newest sample.
    pub cpu_percent: Option<f64>,
    /// Newest sample, in MiB.
    pub disk_free_mib: Option<i64>,
}

/// All nodes, by name; retired ones too.
///
/// # Errors
/// When the database is away.
pub async fn all(connection: &mut PgConnection) -> Result<Vec<NodeRow>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT n.id, n.name, n.hostname, n.os, n.policy, n.health, n.health_until, n.link, n.agent_version, n.cores,
                  n.memory_mib, n.slots, n.renderers, n.can_assemble, n.can_prepare,
                  c.entries AS "cache_entries!", c.bytes AS "cache_bytes!",
                  h.cpu::float8 AS "cpu_percent?", h.disk_free_mib AS "disk_free_mib?"
             FROM render.nodes n
            CROSS JOIN LATERAL (SELECT count(*) AS entries, coalesce(sum(bytes), 0)::bigint AS bytes
                                  FROM render.node_template_cache c WHERE c.node_id = n.id) c
             LEFT JOIN LATERAL (SELECT cpu_percent AS cpu, disk_free_mib FROM render.node_health_logs h
                                 WHERE h.node_id = n.id AND h.at > now() - interval '10 minutes'
                                 ORDER BY h.at DESC LIMIT 1) h ON true
            ORDER BY n.name_norm"#
    )
    .fetch_all(connection)
    .await
    .named("all nodes")?;
    rows.into_iter()
        .map(|row| {
            Ok(NodeRow {
                id: NodeId(row.id),
                name: row.name,
                hostname: row.hostname,
                os: row.os,
                policy: parse("nodes.policy", &row.policy)?,
                health: parse("nodes.health", &row.health)?,
                health_until: row.health_until,
                link: parse("nodes.link", &row.link)?,
                agent_version: row.agent_version,
                cores: row.cores,
                memory_mib: row.memory_mib,
                slots: row.slots,
                renderers: row.renderers,
                can_assemble: row.can_assemble,
                can_prepare: row.can_prepare,
                cache_entries: row.cache_entries,
                cache_bytes: row.cache_bytes,
                cpu_percent: row.cpu_percent,
                disk_free_mib: row.disk_free_mib,
            })
        })
        .collect()
}

/// A machine that joins. `false` when the name is taken.
///
/// # Errors
/// When the database refuses.
pub async fn insert(
    tx: &mut PgConnection,
    node: NodeId,
    name: &str,
    hostname: &str,
    os: &str,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "INSERT INTO render.nodes (id, name, hostname, os) VALUES ($1, $2, $3, $4) ON CONFLICT (name_norm) DO NOTHING",
        node.0,
        name,
        hostname,
        os
    )
    .execute(tx)
    .await
    .named("insert node")?;
    Ok(done.rows_affected() == 1)
}

/// Remembers a certificate that was issued.
///
/// # Errors
/// When the database refuses.
pub async fn insert_certificate(
    tx: &mut PgConnection,
    fingerprint: &[u8; 32],
    node: NodeId,
    not_after: OffsetDateTime,
) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO render.node_certificates (fingerprint, node_id, not_after) VALUES ($1, $2, $3)",
        fingerprint.as_slice(),
        node.0,
        not_after
    )
    .execute(tx)
    .await
    .named("insert certificate")?;
    Ok(())
}

/// Whose certificate this is, and the node's name; `None` when it is unknown, revoked or over, or the node is retired.
///
/// # Errors
/// When the database is away.
pub async fn of_certificate(
    connection: &mut PgConnection,
    fingerprint: &[u8; 32],
) -> Result<Option<(NodeId, String)>, StoreError> {
    let row = sqlx::query!(
        "SELECT n.id, n.name FROM render.node_certificates c JOIN render.nodes n ON n.id = c.node_id
          WHERE c.fingerprint = $1 AND c.revoked_at IS NULL AND c.not_after > now() AND n.policy <> 'retired'",
        fingerprint.as_slice()
    )
    .fetch_optional(connection)
    .await
    .named("node of certificate")?;
    Ok(row.map(|row| (NodeId(row.id), row.name)))
}

/// Writes what a node told of itself.
///
/// # Errors
/// When the database refuses.
pub async fn set_inventory(
    tx: &mut PgConnection,
    node: NodeId,
    boot: Uuid,
    agent_version: &str,
    inventory: &Inventory,
) -> Result<(), StoreError> {
    let cut = |text: &str, most: usize| text.chars().take(most).collect::<String>();
    let renderers: Vec<String> = inventory
        .renderers
        .iter()
        .take(32)
        .map(|line| cut(line, 100))
        .collect();
    sqlx::query!(
        "UPDATE render.nodes
            SET boot_id = $2, agent_version = $3, hostname = $4, os = $5, cores = $6, memory_mib = $7, slots = $8,
                renderers = $9, can_assemble = $10, can_prepare = $11
          WHERE id = $1",
        node.0,
        boot,
        cut(agent_version, 100),
        cut(&inventory.hostname, 255),
        cut(&inventory.os, 255),
        i32::try_from(inventory.cores.max(1)).unwrap_or(i32::MAX),
        i64::try_from(inventory.memory_mib.max(1)).unwrap_or(i64::MAX),
        i32::try_from(inventory.slots.clamp(1, 64)).unwrap_or(1),
        &renderers,
        inventory.can_assemble,
        inventory.can_prepare,
    )
    .execute(tx)
    .await
    .named("set inventory")?;
    Ok(())
}

/// Writes a change of the link.
///
/// # Errors
/// When the database refuses.
pub async fn set_link(tx: &mut PgConnection, node: NodeId, link: Link) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE render.nodes SET link = $2, link_changed_at = now() WHERE id = $1 AND link <> $2",
        node.0,
        link.as_str()
    )
    .execute(tx)
    .await
    .named("set link")?;
    Ok(())
}

/// Puts a node under quarantine, or lifts it (`until` = `None`).
///
/// # Errors
/// When the database refuses.
pub async fn set_health(
    tx: &mut PgConnection,
    node: NodeId,
    quarantine: Option<(&serde_json::Value, OffsetDateTime)>,
) -> Result<(), StoreError> {
    let (evidence, until) = quarantine.unzip();
    sqlx::query!(
        "UPDATE render.nodes
            SET health = CASE WHEN $3::timestamptz IS NULL THEN 'ok' ELSE 'quarantined' END,
                health_evidence = $2, health_until = $3
          WHERE id = $1",
        node.0,
        evidence,
        until
    )
    .execute(tx)
    .await
    .named("set health")?;
    Ok(())
}

/// Writes samples, in one statement.
///
/// # Errors
/// When the database refuses, for instance when the month has no partition.
pub async fn insert_samples(
    tx: &mut PgConnection,
    samples: &[(NodeId, OffsetDateTime, Sample)],
) -> Result<(), StoreError> {
    let big = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let small = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
    let nodes: Vec<Uuid> = samples.iter().map(|(node, _, _)| node.0).collect();
    let at: Vec<OffsetDateTime> = samples.iter().map(|(_, at, _)| *at).collect();
    let cpu: Vec<f32> = samples
        .iter()
        .map(|(_, _, s)| {
            if s.cpu_percent.is_finite() {
                s.cpu_percent.clamp(0.0, 100.0)
            } else {
                0.0
            }
        })
        .collect();
    let memory: Vec<i64> = samples
        .iter()
        .map(|(_, _, s)| big(s.memory_used_mib))
        .collect();
    let disk: Vec<i64> = samples
        .iter()
        .map(|(_, _, s)| big(s.disk_free_mib))
        .collect();
    let busy: Vec<i32> = samples
        .iter()
        .map(|(_, _, s)| small(s.slots_busy))
        .collect();
    let renderers: Vec<i32> = samples.iter().map(|(_, _, s)| small(s.renderers)).collect();
    let theirs: Vec<i64> = samples
        .iter()
        .map(|(_, _, s)| big(s.renderers_memory_mib))
        .collect();
    let spooled: Vec<i32> = samples.iter().map(|(_, _, s)| small(s.spooled)).collect();
    sqlx::query!(
        "INSERT INTO render.node_health_logs
                (node_id, at, cpu_percent, memory_used_mib, disk_free_mib, slots_busy, renderers, renderers_memory_mib, spooled)
         SELECT * FROM unnest($1::uuid[], $2::timestamptz[], $3::real[], $4::int8[], $5::int8[], $6::int4[], $7::int4[],
                              $8::int8[], $9::int4[])",
        &nodes,
        &at,
        &cpu,
        &memory,
        &disk,
        &busy,
        &renderers,
        &theirs,
        &spooled,
    )
    .execute(tx)
    .await
    .named("insert samples")?;
    Ok(())
}

/// Makes the cache's rows what the node says it holds.
///
/// # Errors
/// When the database refuses.
pub async fn set_cache(
    tx: &mut PgConnection,
    node: NodeId,
    entries: &[(Digest, u64)],
) -> Result<(), StoreError> {
    let digests: Vec<Vec<u8>> = entries
        .iter()
        .map(|(digest, _)| digest.0.to_vec())
        .collect();
    let bytes: Vec<i64> = entries
        .iter()
        .map(|(_, bytes)| i64::try_from(*bytes).unwrap_or(i64::MAX))
        .collect();
    sqlx::query!(
        "DELETE FROM render.node_template_cache WHERE node_id = $1 AND NOT digest = ANY ($2::bytea[])",
        node.0,
        &digests
    )
    .execute(&mut *tx)
    .await
    .named("drop cache rows")?;
    sqlx::query!(
        "INSERT INTO render.node_template_cache (node_id, digest, bytes)
         SELECT $1, digest, bytes FROM unnest($2::bytea[], $3::int8[]) AS e (digest, bytes)
         ON CONFLICT (node_id, digest) DO UPDATE SET last_used_at = now()",
        node.0,
        &digests,
        &bytes
    )
    .execute(tx)
    .await
    .named("set cache rows")?;
    Ok(())
}

/// The names of all nodes.
///
/// # Errors
/// When the database is away.
pub async fn names(
    connection: &mut PgConnection,
) -> Result<std::collections::HashMap<NodeId, String>, StoreError> {
    let rows = sqlx::query!("SELECT id, name FROM render.nodes")
        .fetch_all(connection)
        .await
        .named("names of nodes")?;
    Ok(rows
        .into_iter()
        .map(|row| (NodeId(row.id), row.name))
        .collect())
}

/// Which of the certificates still let their nodes in, as [`of_certificate`] would.
///
/// # Errors
/// When the database is away.
pub async fn still_good(
    connection: &mut PgConnection,
    fingerprints: &[[u8; 32]],
) -> Result<Vec<[u8; 32]>, StoreError> {
    let asked: Vec<&[u8]> = fingerprints.iter().map(<[u8; 32]>::as_slice).collect();
    let good = sqlx::query_scalar!(
        "SELECT c.fingerprint FROM render.node_certificates c JOIN render.nodes n ON n.id = c.node_id
          WHERE c.fingerprint = ANY ($1::bytea[])
            AND c.revoked_at IS NULL AND c.not_after > now() AND n.policy <> 'retired'",
        &asked as &[&[u8]]
    )
    .fetch_all(connection)
    .await
    .named("certificates still good")?;
    // The column holds 32 bytes, by its check.
    Ok(good
        .into_iter()
        .filter_map(|fingerprint| fingerprint.try_into().ok())
        .collect())
}
