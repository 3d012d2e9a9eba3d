//! Snapshots: one row a cache key and tenant. The key's uniqueness is what makes many requests one render.

use std::time::Duration;

use flatrender_protocol::message::{BlobRef, LeaseKey, PictureFormat};
use flatrender_protocol::state::SnapshotState;
use flatrender_protocol::{AttemptId, Digest, NodeId, SnapshotId, Source, TenantId};
use serde_json::Value;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Named, StoreError, parse};

/// What a snapshot is, from the first request for it on.
#[derive(Debug, Clone)]
pub struct SnapshotRow {
    /// Its id.
    pub id: SnapshotId,
    /// Whose.
    pub tenant: TenantId,
    /// Names it among the tenant's.
    pub key: Digest,
    /// The row of `render.packages` that keeps what it is rendered from in the store.
    pub package: Digest,
    /// What it is rendered from.
    pub source: Source,
    /// The composition.
    pub composition: String,
    /// The display frame.
    pub display: i32,
    /// Width and height of the composition, in pixels.
    pub frame: (u32, u32),
    /// Width and height of the picture, in pixels.
    pub size: (u32, u32),
    /// As which file.
    pub format: PictureFormat,
    /// Red, green, blue.
    pub background: [u8; 3],
    /// The version of the renderer that was asked for, or [`ANY_RENDERER`].
    pub renderer: String,
    /// Where it is.
    pub state: SnapshotState,
    /// How often it was leased.
    pub attempts: u32,
    /// Nodes that failed it since it was asked for, one entry a failure.
    pub failed_nodes: Vec<NodeId>,
    /// How often it failed for good.
    pub rounds: u32,
    /// The picture.
    pub blob: Option<BlobRef>,
    /// How often the picture was fetched.
    pub hits: u64,
    /// Why there is none.
    pub error: Option<String>,
    /// Asking again before this renders nothing.
    pub retry_at: Option<OffsetDateTime>,
    /// When it was first asked for.
    pub created_at: OffsetDateTime,
}

/// A renderer of any version will do.
pub const ANY_RENDERER: &str = "any";

struct Raw {
    id: Uuid,
    tenant_id: Uuid,
    cache_key: Vec<u8>,
    package_digest: Vec<u8>,
    source: Value,
    composition: String,
    display_frame: i32,
    frame_width: i32,
    frame_height: i32,
    width: i32,
    height: i32,
    format: String,
    background: String,
    renderer: String,
    state: String,
    attempt_count: i32,
    failed_nodes: Vec<Uuid>,
    rounds: i32,
    digest: Option<Vec<u8>>,
    bytes: Option<i64>,
    hits: i64,
    error: Option<String>,
    retry_at: Option<OffsetDateTime>,
    created_at: OffsetDateTime,
}

/// Which snapshots to read.
#[derive(Debug, Clone, Copy)]
pub enum Which {
    /// One of a tenant's, by its id.
    Id(TenantId, SnapshotId),
    /// One of a tenant's, by its key.
    Key(TenantId, Digest),
    /// All that wait for a node or are rendered.
    Open,
}

/// Reads snapshots, the oldest first.
///
/// # Errors
/// When the database is away, or a row holds what this version can't read.
pub async fn read(
    connection: &mut PgConnection,
    which: Which,
) -> Result<Vec<SnapshotRow>, StoreError> {
    let (tenant, id, key, open) = match which {
        Which::Id(tenant, id) => (Some(tenant.0), Some(id.0), None, false),
        Which::Key(tenant, key) => (Some(tenant.0), None, Some(key.0.to_vec()), false),
        Which::Open => (None, None, None, true),
    };
    let rows = sqlx::query_as!(
        Raw,
        "SELECT id, tenant_id, cache_key, package_digest, source, composition, display_frame, frame_width, frame_height,
                width, height, format, background, renderer, state, attempt_count, failed_nodes, rounds, digest, bytes,
                hits, error, retry_at, created_at
           FROM render.snapshots
          WHERE ($1::uuid IS NULL OR tenant_id = $1) AND ($2::uuid IS NULL OR id = $2)
            AND ($3::bytea IS NULL OR cache_key = $3) AND (NOT $4 OR state IN ('queued', 'leased'))
          ORDER BY created_at, id",
        tenant,
        id,
        key,
        open
    )
    .fetch_all(connection)
    .await
    .named("read snapshots")?;
    rows.into_iter().map(row_of).collect()
}

fn row_of(raw: Raw) -> Result<SnapshotRow, StoreError> {
    let unreadable = |what, value: String| StoreError::Unreadable { what, value };
    let digest = |what, bytes: &[u8]| {
        Digest::from_slice(bytes).ok_or_else(|| unreadable(what, hex::encode(bytes)))
    };
    let blob = match (&raw.digest, raw.bytes) {
        (Some(name), Some(bytes)) => Some(BlobRef {
            digest: digest("snapshots.digest", name)?,
            bytes: bytes.unsigned_abs(),
        }),
        _ => None,
    };
    let mut background = [0; 3];
    hex::decode_to_slice(raw.background.trim_start_matches('#'), &mut background)
        .map_err(|_| unreadable("snapshots.background", raw.background.clone()))?;
    Ok(SnapshotRow {
        id: SnapshotId(raw.id),
        tenant: TenantId(raw.tenant_id),
        key: digest("snapshots.cache_key", &raw.cache_key)?,
        package: digest("snapshots.package_digest", &raw.package_digest)?,
        source: serde_json::from_value(raw.source)
            .map_err(|_| unreadable("snapshots.source", raw.id.to_string()))?,
        composition: raw.composition,
        display: raw.display_frame,
        frame: (
            raw.frame_width.unsigned_abs(),
            raw.frame_height.unsigned_abs(),
        ),
        size: (raw.width.unsigned_abs(), raw.height.unsigned_abs()),
        format: match raw.format.as_str() {
            "png" => PictureFormat::Png,
            "jpeg" => PictureFormat::Jpeg,
            _ => return Err(unreadable("snapshots.format", raw.format)),
        },
        background,
        renderer: raw.renderer,
        state: parse("snapshots.state", &raw.state)?,
        attempts: raw.attempt_count.unsigned_abs(),
        failed_nodes: raw.failed_nodes.into_iter().map(NodeId).collect(),
        rounds: raw.rounds.unsigned_abs(),
        blob,
        hits: raw.hits.unsigned_abs(),
        error: raw.error,
        retry_at: raw.retry_at,
        created_at: raw.created_at,
    })
}

/// Asks for a snapshot. `false`: there is one of this key already, and nothing was written. The notification comes by
/// trigger.
///
/// # Errors
/// When the database refuses.
pub async fn ask(tx: &mut PgConnection, row: &SnapshotRow) -> Result<bool, StoreError> {
    let [red, green, blue] = row.background;
    let source = serde_json::to_value(&row.source).unwrap_or_default();
    let done = sqlx::query!(
        "INSERT INTO render.snapshots (id, tenant_id, cache_key, package_digest, source, composition, display_frame,
                frame_width, frame_height, width, height, format, background, renderer)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
         ON CONFLICT (tenant_id, cache_key) DO NOTHING",
        row.id.0,
        row.tenant.0,
        row.key.0.as_slice(),
        row.package.0.as_slice(),
        source,
        row.composition,
        row.display,
        int(row.frame.0),
        int(row.frame.1),
        int(row.size.0),
        int(row.size.1),
        row.format.as_str(),
        format!("#{red:02x}{green:02x}{blue:02x}"),
        row.renderer
    )
    .execute(tx)
    .await
    .named("ask for snapshot")?;
    Ok(done.rows_affected() == 1)
}

/// Puts a failed one whose pause is over back among those that wait. `false`: it has not failed, or not long enough ago.
///
/// # Errors
/// When the database refuses.
pub async fn ask_again(tx: &mut PgConnection, id: SnapshotId) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE render.snapshots
            SET state = 'queued', error = NULL, retry_at = NULL, failed_nodes = '{}', last_used_at = now()
          WHERE id = $1 AND state = 'failed' AND retry_at <= now()",
        id.0
    )
    .execute(tx)
    .await
    .named("ask for snapshot again")?;
    Ok(done.rows_affected() == 1)
}

/// Leases a snapshot that waits; `None` when it does not.
///
/// # Errors
/// When the database refuses.
pub async fn lease(
    tx: &mut PgConnection,
    attempt: AttemptId,
    id: SnapshotId,
    node: NodeId,
) -> Result<Option<LeaseKey>, StoreError> {
    let epoch = sqlx::query_scalar!(
        "WITH next AS (
             UPDATE render.snapshots SET state = 'leased', attempt_count = attempt_count + 1
              WHERE id = $2 AND state = 'queued' RETURNING attempt_count)
         INSERT INTO render.attempts (id, job_id, number, kind, node_id, epoch)
         SELECT $1, $2, attempt_count, 'snapshot', $3, nextval('render.lease_epochs') FROM next
         RETURNING epoch",
        attempt.0,
        id.0,
        node.0
    )
    .fetch_optional(tx)
    .await
    .named("lease snapshot")?;
    Ok(epoch.map(|epoch| LeaseKey {
        attempt,
        epoch: epoch.unsigned_abs(),
    }))
}

/// Leased ones wait again; those that a node failed remember which.
///
/// # Errors
/// When the database refuses.
pub async fn give_back(
    tx: &mut PgConnection,
    ids: &[SnapshotId],
    failed_on: Option<NodeId>,
) -> Result<(), StoreError> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    sqlx::query!(
        "UPDATE render.snapshots
            SET state = 'queued',
                failed_nodes = CASE WHEN $2::uuid IS NULL THEN failed_nodes ELSE array_append(failed_nodes, $2) END
          WHERE id = ANY ($1) AND state = 'leased'",
        &ids,
        failed_on.map(|node| node.0)
    )
    .execute(tx)
    .await
    .named("give snapshots back")?;
    Ok(())
}

/// The picture of a leased one is in the store. `false`: it was not leased, and nothing changed.
///
/// # Errors
/// When the database refuses.
pub async fn made(
    tx: &mut PgConnection,
    id: SnapshotId,
    picture: &BlobRef,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE render.snapshots
            SET state = 'done', digest = $2, bytes = $3, rounds = 0, failed_nodes = '{}', last_used_at = now()
          WHERE id = $1 AND state = 'leased'",
        id.0,
        picture.digest.0.as_slice(),
        i64::try_from(picture.bytes).unwrap_or(i64::MAX)
    )
    .execute(tx)
    .await
    .named("keep snapshot")?;
    Ok(done.rows_affected() == 1)
}

/// A leased one failed for good; asking again before `pause` is over renders nothing.
///
/// # Errors
/// When the database refuses.
pub async fn fail(
    tx: &mut PgConnection,
    id: SnapshotId,
    node: NodeId,
    error: &str,
    pause: Duration,
) -> Result<(), StoreError> {
    let error: String = error.chars().filter(|c| *c != '\0').take(4000).collect();
    sqlx::query!(
        "UPDATE render.snapshots
            SET state = 'failed', error = $3, retry_at = now() + make_interval(secs => $4), rounds = rounds + 1,
                failed_nodes = array_append(failed_nodes, $2), last_used_at = now()
          WHERE id = $1 AND state = 'leased'",
        id.0,
        node.0,
        error,
        pause.as_secs_f64()
    )
    .execute(tx)
    .await
    .named("fail snapshot")?;
    Ok(())
}

/// Notes that somebody asked for it; at most twice a minute, so that many who ask write little.
///
/// # Errors
/// When the database refuses.
pub async fn used(connection: &mut PgConnection, id: SnapshotId) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE render.snapshots SET last_used_at = now() WHERE id = $1 AND last_used_at < now() - interval '30 seconds'",
        id.0
    )
    .execute(connection)
    .await
    .named("note snapshot's use")?;
    Ok(())
}

/// Notes that a picture was fetched.
///
/// # Errors
/// When the database refuses.
pub async fn fetched(connection: &mut PgConnection, id: SnapshotId) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE render.snapshots SET hits = hits + 1, last_used_at = now() WHERE id = $1",
        id.0
    )
    .execute(connection)
    .await
    .named("count snapshot's use")?;
    Ok(())
}

/// Forgets one whose picture is no longer in the store, so that the next request renders it again.
///
/// # Errors
/// When the database refuses.
pub async fn forget(
    connection: &mut PgConnection,
    id: SnapshotId,
    picture: Digest,
) -> Result<(), StoreError> {
    sqlx::query!(
        "DELETE FROM render.snapshots WHERE id = $1 AND state = 'done' AND digest = $2",
        id.0,
        picture.0.as_slice()
    )
    .execute(connection)
    .await
    .named("forget snapshot")?;
    Ok(())
}

/// What an eviction removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Evicted {
    /// How many snapshots.
    pub snapshots: u64,
    /// Bytes of their pictures.
    pub bytes: u64,
}

/// Removes pictures and failures that nobody has used for `unused`, and then the longest unused ones until all pictures
/// together have at most `most_bytes`. What was used within `in_use` stays whatever it costs; so does what waits or is
/// being rendered.
///
/// # Errors
/// When the database refuses.
pub async fn evict(
    tx: &mut PgConnection,
    unused: Duration,
    most_bytes: u64,
    in_use: Duration,
) -> Result<Evicted, StoreError> {
    let row = sqlx::query!(
        r#"WITH ranked AS (
               SELECT id, last_used_at,
                      (sum(coalesce(bytes, 0)) OVER (ORDER BY last_used_at DESC, id DESC))::int8 AS newer_and_it
                 FROM render.snapshots WHERE state IN ('done', 'failed')),
           gone AS (
               DELETE FROM render.snapshots s USING ranked r
                WHERE s.id = r.id AND s.state IN ('done', 'failed') AND s.last_used_at < now() - make_interval(secs => $3)
                  AND (s.last_used_at < now() - make_interval(secs => $1) OR r.newer_and_it > $2)
               RETURNING s.bytes)
           SELECT count(*) AS "snapshots!", coalesce(sum(bytes), 0)::int8 AS "bytes!" FROM gone"#,
        unused.as_secs_f64(),
        i64::try_from(most_bytes).unwrap_or(i64::MAX),
        in_use.as_secs_f64()
    )
    .fetch_one(tx)
    .await
    .named("evict snapshots")?;
    Ok(Evicted {
        snapshots: row.snapshots.unsigned_abs(),
        bytes: row.bytes.unsigned_abs(),
    })
}

fn int(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}
