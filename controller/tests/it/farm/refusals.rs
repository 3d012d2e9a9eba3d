//! What is refused at the door, with the field named, and nothing left behind.

use bytes::Bytes;
use flatrender_controller::blobs::Area;
use flatrender_controller::farm::SubmitError;
use flatrender_protocol::TenantId;
use flatrender_protocol::message::TrackKind;
use flatrender_protocol::rest::{JobSpec, TrackSpec, UploadedFile};

use super::agent::blob_of;
use super::{TestFarm, quick, spec};

pub async fn refusal(farm: &TestFarm, spec: JobSpec) -> Vec<(String, String, String)> {
    match farm.farm.submit(TenantId::DEFAULT, spec).await {
        Err(SubmitError::Invalid(errors)) => errors
            .into_iter()
            .map(|e| (e.pointer, e.code, e.detail))
            .collect(),
        other => panic!("a refusal was awaited, not {other:?}"),
    }
}

/// A spec, and the pointer, code and words of what is wrong with it.
type Case = (JobSpec, &'static str, &'static str, &'static str);

fn fields_of_a_job(good: &UploadedFile) -> Vec<Case> {
    let base = spec(good.clone());
    let path = UploadedFile {
        file_name: "../a.aep".into(),
        ..good.clone()
    };
    vec![
        (
            JobSpec {
                composition: "Mian".into(),
                ..base.clone()
            },
            "/composition",
            "not_found",
            "Main",
        ),
        (
            JobSpec {
                frames: Some("5-12".into()),
                ..base.clone()
            },
            "/frames",
            "out_of_range",
            "0 to 9",
        ),
        (
            JobSpec {
                frames: Some("9-5".into()),
                ..base.clone()
            },
            "/frames",
            "malformed",
            "backwards",
        ),
        (
            JobSpec {
                priority: Some(101),
                ..base.clone()
            },
            "/priority",
            "out_of_range",
            "101",
        ),
        (
            JobSpec {
                name: Some(" ".into()),
                ..base.clone()
            },
            "/name",
            "malformed",
            "1 to 120",
        ),
        (
            JobSpec {
                project: path,
                ..base
            },
            "/project/file_name",
            "malformed",
            "no path",
        ),
    ]
}

fn files_of_a_job(good: &UploadedFile, text: &UploadedFile) -> Vec<Case> {
    let base = spec(good.clone());
    let nowhere = UploadedFile {
        digest: blob_of(b"nowhere").digest,
        file_name: "a.aep".to_owned(),
    };
    let track = |kind, volume| {
        vec![TrackSpec {
            kind,
            file: text.clone(),
            volume,
        }]
    };
    let music = JobSpec {
        tracks: track(TrackKind::Music, None),
        ..base.clone()
    };
    let loud = JobSpec {
        tracks: track(TrackKind::Sfx, Some(201)),
        ..base.clone()
    };
    vec![
        (
            JobSpec {
                project: text.clone(),
                ..base.clone()
            },
            "/project",
            "unreadable",
            "text.aep",
        ),
        (
            JobSpec {
                project: nowhere,
                ..base
            },
            "/project/digest",
            "not_uploaded",
            "PUT",
        ),
        (music, "/tracks/0/file", "not_audio", "text.aep"),
        (loud, "/tracks/0/volume", "out_of_range", "201"),
    ]
}

#[tokio::test]
async fn every_wrong_field_is_named_and_nothing_is_left() {
    let farm = TestFarm::start(quick()).await;
    let good = farm.project(10).await;
    let text = farm
        .farm
        .blobs
        .put(Area::Farm, Bytes::from_static(b"I am no project"))
        .await
        .unwrap();
    let text = UploadedFile {
        digest: text.digest,
        file_name: "text.aep".to_owned(),
    };
    let cases = fields_of_a_job(&good)
        .into_iter()
        .chain(files_of_a_job(&good, &text));
    for (what, pointer, code, says) in cases {
        let errors = refusal(&farm, what).await;
        let named = errors
            .iter()
            .any(|(p, c, d)| p == pointer && c == code && d.contains(says));
        assert!(named, "{pointer} {code} {says}: {errors:?}");
    }
    let left: i64 = sqlx::query_scalar(
        "SELECT (SELECT count(*) FROM render.render_jobs) + (SELECT count(*) FROM render.packages)
              + (SELECT count(*) FROM render.job_todo) + (SELECT count(*) FROM render.exports)
              + (SELECT count(*) FROM render.events)",
    )
    .fetch_one(&farm.admin)
    .await
    .unwrap();
    assert_eq!(left, 0, "nothing is left behind");
    farm.stop().await;
}

#[tokio::test]
async fn missing_footage_is_named() {
    use flatrender_aep::Rational;
    use flatrender_aep::write::{CompSpec, ProjectSpec, project};
    let farm = TestFarm::start(quick()).await;
    let mut comp = CompSpec::new("Main", 64, 36, Rational::whole(25), 10);
    comp.footage = vec!["/Users/somebody/Heart-80.png".to_owned()];
    let bytes = project(&ProjectSpec {
        comps: vec![comp],
        ..ProjectSpec::default()
    });
    let blob = farm
        .farm
        .blobs
        .put(Area::Farm, Bytes::from(bytes))
        .await
        .unwrap();
    let project = UploadedFile {
        digest: blob.digest,
        file_name: "main.aep".to_owned(),
    };
    let errors = refusal(&farm, spec(project)).await;
    let (pointer, code, detail) = &errors[0];
    assert_eq!(
        (pointer.as_str(), code.as_str()),
        ("/project", "missing_footage")
    );
    assert!(detail.contains("/Users/somebody/Heart-80.png"), "{detail}");
    farm.stop().await;
}
