//! Which blobs rows name.

use std::collections::HashSet;

use flatrender_protocol::Digest;
use sqlx::PgConnection;

use super::{Named, StoreError};

/// Those of `blobs` that some row names. Frames have no index by digest: one pass over them, however many are asked for.
///
/// # Errors
/// When the database refuses, or a name is no digest.
pub async fn named(tx: &mut PgConnection, blobs: &[Digest]) -> Result<HashSet<Digest>, StoreError> {
    let asked: Vec<Vec<u8>> = blobs.iter().map(|blob| blob.as_bytes().to_vec()).collect();
    let names = sqlx::query_scalar!(
        r#"SELECT blob_digest AS "digest!" FROM render.packages WHERE blob_digest = ANY($1)
           UNION SELECT digest FROM render.prepared_projects WHERE digest = ANY($1)
           UNION SELECT digest FROM render.frames WHERE digest = ANY($1)
           UNION SELECT digest FROM render.snapshots WHERE digest = ANY($1)
           UNION SELECT log_digest FROM render.attempts WHERE log_digest = ANY($1)
           UNION SELECT decode(report->'report'->>'digest', 'hex') FROM render.prepared_projects
                  WHERE decode(report->'report'->>'digest', 'hex') = ANY($1)
           UNION SELECT sound_digest FROM render.render_jobs WHERE sound_digest = ANY($1)
           UNION SELECT part.digest
                   FROM (SELECT decode(jsonb_array_elements(tracks)->>'digest', 'hex') AS digest FROM render.render_jobs
                         UNION ALL SELECT decode(prepare->'values'->>'digest', 'hex') FROM render.render_jobs
                         UNION ALL SELECT decode(jsonb_path_query(source, '$.layers[*].*.blob.digest') #>> '{}', 'hex')
                                     FROM render.render_jobs) part
                  WHERE part.digest = ANY($1)"#,
        &asked
    )
    .fetch_all(tx)
    .await
    .named("find blobs that rows name")?;
    names
        .into_iter()
        .map(|name| {
            let unreadable = || StoreError::Unreadable {
                what: "a digest",
                value: hex::encode(&name),
            };
            Digest::from_slice(&name).ok_or_else(unreadable)
        })
        .collect()
}
