//! `/v1/farm/jobs`.

use axum::http::StatusCode;
use flatrender_controller::blobs::Area;
use flatrender_protocol::rest::{JobView, Page};
use flatrender_protocol::state::JobState;
use serde_json::json;

use super::{TestOps, refused};

const NOBODY: &str = "0192f3a0-0000-7000-8000-000000000000";

#[tokio::test]
async fn a_job_comes_in_and_is_found() {
    let ops = TestOps::start().await;
    let spec = json!({ "project": ops.project(48).await, "composition": "Main", "frames": "0-9" });
    let answer = ops.post("/v1/farm/jobs", spec.to_string()).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    let job: JobView = answer.json();
    assert_eq!(
        answer.headers["location"],
        format!("/v1/farm/jobs/{}", job.id)
    );
    assert_eq!(
        (job.state, job.frames_total, job.width),
        (JobState::Queued, 10, 64)
    );
    let location = answer.headers["location"].to_str().unwrap();
    assert_eq!(ops.get(location).await.json::<JobView>(), job);
    let id = job.id.to_string();
    for text in [
        job.name.replace(' ', "%20"),
        id.clone(),
        id[id.len() - 8..].to_owned(),
    ] {
        let found: Page<JobView> = ops.get(&format!("/v1/farm/jobs?match={text}")).await.json();
        assert_eq!(found.data, std::slice::from_ref(&job), "{text}");
    }
    let none: Page<JobView> = ops.get("/v1/farm/jobs?match=other").await.json();
    assert_eq!((none.data.len(), none.page.has_more), (0, false));
    let unknown = ops.get(&format!("/v1/farm/jobs/{NOBODY}")).await;
    assert_eq!(unknown.refusal(), refused(404, "not_found", &[]));
    assert!(unknown.text.contains(NOBODY), "{}", unknown.text);
}

#[tokio::test]
async fn a_list_goes_on_where_it_was() {
    let ops = TestOps::start().await;
    let mut jobs = Vec::new();
    for name in ["one", "two", "three"] {
        jobs.insert(0, ops.submit(name).await.name);
    }
    let page = async |query: String| {
        let page: Page<JobView> = ops.get(&format!("/v1/farm/jobs?{query}")).await.json();
        let names: Vec<String> = page.data.into_iter().map(|job| job.name).collect();
        (names, page.page)
    };
    let (names, first) = page("limit=2".to_owned()).await;
    assert_eq!((names.as_slice(), first.has_more), (&jobs[..2], true));
    let cursor = first.next_cursor.expect("there is more");
    let (names, last) = page(format!("limit=2&cursor={cursor}")).await;
    assert_eq!(
        (names.as_slice(), last.has_more, last.next_cursor),
        (&jobs[2..], false, None)
    );
    for (query, expected) in [
        (
            "limit=0",
            refused(422, "validation_failed", &["/limit out_of_range"]),
        ),
        (
            "limit=201",
            refused(422, "validation_failed", &["/limit out_of_range"]),
        ),
        (
            "limit=many",
            refused(422, "validation_failed", &["/limit invalid"]),
        ),
        ("cursor=x", refused(400, "invalid_cursor", &[])),
        (
            "offset=3",
            refused(422, "validation_failed", &["/offset unknown_field"]),
        ),
    ] {
        let answer = ops.get(&format!("/v1/farm/jobs?{query}")).await;
        assert_eq!(answer.refusal(), expected, "{query}");
        let nodes = ops.get(&format!("/v1/farm/nodes?{query}")).await;
        assert_eq!(nodes.refusal(), expected, "{query}");
    }
}

#[tokio::test]
async fn a_bad_job_is_refused_with_its_fields_named() {
    let ops = TestOps::start().await;
    let project = ops.project(10).await;
    let (name, digest) = (project["file_name"].clone(), project["digest"].clone());
    let invalid = |fields: &[&str]| refused(422, "validation_failed", fields);
    for (json, expected) in [
        ("{".to_owned(), refused(400, "malformed_json", &[])),
        ("3".to_owned(), invalid(&[" wrong_type"])),
        ("[]".to_owned(), invalid(&[" invalid"])),
        (json!({ "project": project }).to_string(), invalid(&["/composition required"])),
        (
            json!({ "project": project, "composition": "Main", "frame": "1" }).to_string(),
            invalid(&["/frame unknown_field"]),
        ),
        (
            json!({ "project": { "digest": "aa", "file_name": name }, "composition": "Main" }).to_string(),
            invalid(&["/project/digest invalid"]),
        ),
        (
            json!({ "project": project, "composition": "Main",
                    "tracks": [{ "kind": "music", "file": { "digest": digest, "file_name": "a.wav", "size": 3 } }] })
            .to_string(),
            invalid(&["/tracks/0/file/size unknown_field"]),
        ),
    ] {
        let answer = ops.post("/v1/farm/jobs", json.clone()).await;
        assert_eq!(answer.refusal(), expected, "{json}");
    }
    // What only the farm can know is said all at once.
    let spec =
        json!({ "project": project, "composition": "Main", "frames": "5-500", "priority": 101 });
    let (status, code, mut fields) = ops.post("/v1/farm/jobs", spec.to_string()).await.refusal();
    fields
        .iter_mut()
        .for_each(|field| field.truncate(field.find(' ').unwrap_or(field.len())));
    fields.sort();
    assert_eq!(
        (status, code.as_str(), fields.as_slice()),
        (
            422,
            "validation_failed",
            &["/frames".to_owned(), "/priority".to_owned()][..]
        )
    );
    let none: Page<JobView> = ops.get("/v1/farm/jobs").await.json();
    assert_eq!(none.data, []);
}

#[tokio::test]
async fn a_job_is_cancelled() {
    let ops = TestOps::start().await;
    let job = ops.submit("to be cancelled").await;
    let path = format!("/v1/farm/jobs/{}/cancel", job.id);
    let cancelled: JobView = ops.post(&path, "{}").await.json();
    assert!(
        matches!(cancelled.state, JobState::Cancelling | JobState::Cancelled),
        "{}",
        cancelled.state
    );
    assert_eq!(
        ops.post(&path, "").await.status,
        StatusCode::OK,
        "asking twice changes nothing"
    );
    let unknown = ops
        .post(&format!("/v1/farm/jobs/{NOBODY}/cancel"), "{}")
        .await;
    assert_eq!(unknown.refusal(), refused(404, "not_found", &[]));
    let film = ops.get(&format!("/v1/farm/jobs/{}/film", job.id)).await;
    assert_eq!(film.refusal(), refused(409, "state_conflict", &[]));
    assert!(film.text.contains("it has no film"), "{}", film.text);
}

#[tokio::test]
async fn a_film_comes_once_the_job_is_done() {
    let ops = TestOps::start().await;
    let job = ops.submit("نوروز 04").await;
    let path = format!("/v1/farm/jobs/{}/film", job.id);
    let early = ops.get(&path).await;
    assert_eq!(early.refusal(), refused(409, "state_conflict", &[]));
    assert!(early.text.contains("is queued"), "{}", early.text);
    let unknown = ops.get(&format!("/v1/farm/jobs/{NOBODY}/film")).await;
    assert_eq!(unknown.refusal(), refused(404, "not_found", &[]));
    let film = "the bytes of a film".repeat(100_000);
    let blob = ops
        .farm
        .blobs
        .put(Area::Files, film.clone().into())
        .await
        .unwrap();
    let admin = ops.db.admin().await;
    sqlx::query(
        "UPDATE render.exports SET state = 'ready', ready_at = now(), digest = $2, bytes = $3, width = 64, height = 36,
                padded_columns = 0, padded_rows = 0, frames = 10, duration_ms = 400, sound = false,
                attempt_id = gen_random_uuid()
          WHERE job_id = $1",
    )
    .bind(job.id.0)
    .bind(blob.digest.0.as_slice())
    .bind(i64::try_from(blob.bytes).unwrap())
    .execute(&admin)
    .await
    .unwrap();
    admin.close().await;
    let answer = ops.get(&path).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert!(answer.text == film, "the bytes are those of the film");
    let headers = &answer.headers;
    assert_eq!(headers["content-length"], film.len().to_string());
    assert_eq!(headers["content-type"], "video/mp4");
    assert_eq!(headers["etag"], format!("\"{}\"", blob.digest));
    assert_eq!(
        headers["content-disposition"],
        "attachment; filename=\"_____ 04.mp4\"; filename*=UTF-8''%D9%86%D9%88%D8%B1%D9%88%D8%B2%2004.mp4"
    );
    assert_eq!(headers["x-content-type-options"], "nosniff");
}
