//! `/v1/farm/blobs`: bytes come in under the name of their digest, before a job names them.

use axum::extract::State;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use flatrender_api::http::{
    Answer, Body, Gives, Param, Path, Problem, Refusal, Route, Shape, Table, Takes, Upload,
};
use flatrender_protocol::Digest;
use flatrender_protocol::message::BlobRef;
use futures_util::stream;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Ops, admin, failure};
use crate::blobs::{Area, BlobError};

/// Most bytes of one upload.
const LIMIT_BYTES: u64 = 8 << 30;

pub(super) fn routes(table: Table<Ops>) -> Table<Ops> {
    const PATH: &str = "/v1/farm/blobs/{digest}";
    const DIGEST: &[Param] = &[("digest", Shape::of::<Digest>())];
    let stored = Gives {
        statuses: &[201, 200],
        ..Gives::json::<Stored>()
    };
    let nothing = Gives {
        statuses: &[200],
        body: Answer::Nothing,
    };
    let put_entry = Route {
        params: DIGEST,
        takes: Takes::Bytes {
            limit_bytes: LIMIT_BYTES,
        },
        refuses: &[Refusal::Fields],
        summary: "Stores bytes under their BLAKE3 digest",
        ..admin(Method::PUT, PATH, "blob.write", stored)
    };
    let head_entry = Route {
        params: DIGEST,
        refuses: &[],
        summary: "Whether the farm has these bytes",
        ..admin(Method::HEAD, PATH, "blob.read", nothing)
    };
    table.route(put_entry, put).route(head_entry, head)
}

/// What is there now.
#[derive(Serialize, JsonSchema)]
struct Stored {
    /// Its name.
    digest: Digest,
    /// Its size.
    bytes: u64,
}

async fn put(
    State(ops): State<Ops>,
    Path(digest): Path<Digest>,
    mut upload: Upload,
) -> Result<(StatusCode, Body<Stored>), Problem> {
    let announced = BlobRef {
        digest,
        bytes: upload.length_bytes(),
    };
    let known = ops.farm.blobs.claim(digest).await;
    let status = match known.map_err(|error| failure::of_blobs(&error))? {
        Some(bytes) if bytes == announced.bytes => {
            check(&announced, &mut upload).await?;
            StatusCode::OK
        }
        _ => {
            store(&ops, &announced, &mut upload).await?;
            StatusCode::CREATED
        }
    };
    Ok((
        status,
        Body(Stored {
            digest,
            bytes: announced.bytes,
        }),
    ))
}

/// Reads what is there already, so that the answer does not depend on that.
async fn check(announced: &BlobRef, upload: &mut Upload) -> Result<(), Problem> {
    let mut hasher = blake3::Hasher::new();
    while let Some(piece) = upload.chunk().await? {
        hasher.update(&piece);
    }
    let found = Digest::from(hasher.finalize());
    if found == announced.digest {
        return Ok(());
    }
    Err(mismatch(
        announced,
        &format!("{found} of {} bytes", announced.bytes),
    ))
}

async fn store(ops: &Ops, announced: &BlobRef, upload: &mut Upload) -> Result<(), Problem> {
    // The store wants an error of its own; the problem is kept for the answer.
    let mut refused = None;
    let pieces = stream::try_unfold((upload, &mut refused), |(upload, refused)| async {
        match upload.chunk().await {
            Ok(piece) => Ok(piece.map(|piece| (piece, (upload, refused)))),
            Err(problem) => {
                *refused = Some(problem);
                Err(std::io::Error::other("the sender stopped"))
            }
        }
    });
    let blobs = &ops.farm.blobs;
    let stored = blobs
        .put_stream(Area::Farm, announced, std::pin::pin!(pieces))
        .await;
    match (stored, refused) {
        (Ok(()), _) => Ok(()),
        (Err(_), Some(problem)) => Err(problem),
        (Err(BlobError::Mismatch { found, .. }), None) => Err(mismatch(announced, &found)),
        (Err(error), None) => Err(failure::of_blobs(&error)),
    }
}

fn mismatch(announced: &BlobRef, found: &str) -> Problem {
    let detail = format!(
        "the address says {}, the bytes that came are {found}; nothing was stored: send the file under its own digest",
        announced.digest
    );
    Problem::invalid("/digest", "digest_mismatch", detail)
}

async fn head(State(ops): State<Ops>, Path(digest): Path<Digest>) -> Result<Response, Problem> {
    let known = ops.farm.blobs.claim(digest).await;
    match known.map_err(|error| failure::of_blobs(&error))? {
        Some(bytes) => Ok([(header::CONTENT_LENGTH, HeaderValue::from(bytes))].into_response()),
        None => Err(Problem::not_found(format!("blob {digest}"))),
    }
}
