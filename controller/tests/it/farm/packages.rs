//! Jobs of packages: what is taken, what nodes are told to make of it, what is refused.

use flatrender_package::Link;
use flatrender_protocol::message::Work;
use flatrender_protocol::rest::UploadedFile;
use flatrender_protocol::state::JobState;
use flatrender_protocol::{Layer, TenantId};

use super::agent::FakeAgent;
use super::{TestFarm, project_of, quick, refusals::refusal, shows, spec, zip};

const PICTURE: &[u8] = b"\x89PNG\r\n\x1a\n and what follows";

fn good(stored: bool) -> Vec<u8> {
    let project = project_of(10, vec![shows("(Footage)/heart.png")]);
    let files: [(&str, &[u8]); 2] = [("main.aep", &project), ("(Footage)/heart.png", PICTURE)];
    zip(&files, &[], stored)
}

#[tokio::test]
async fn nodes_render_from_the_package() {
    let farm = TestFarm::start(quick()).await;
    let package = farm.upload("heart.zip", good(false)).await;
    let job = farm.take(spec(package.clone())).await;
    let mut agent = FakeAgent::join(&farm.farm, "one").await;
    let lease = agent.leased().await;
    let Work::Frames(work) = &lease.work else {
        panic!("{lease:?}")
    };
    assert_eq!(work.source.project, "main.aep");
    let [Layer::Package { blob, content }] = work.source.layers.as_slice() else {
        panic!("{:?}", work.source)
    };
    assert_eq!(blob.digest, package.digest);
    assert_ne!(*content, package.digest, "named by what is in it");
    assert!(farm.farm.grants.allows(agent.node, &package.digest));
    assert!(
        !farm.farm.grants.allows(agent.node, content),
        "that is no blob"
    );
    agent.work(lease).await;
    agent
        .work_until(async || farm.job(job.id).await.state == JobState::Done)
        .await;
    farm.assert_whole().await;
    farm.stop().await;
}

#[tokio::test]
async fn the_same_content_is_one_package_however_it_was_zipped() {
    let farm = TestFarm::start(quick()).await;
    let first = farm.upload("a.zip", good(false)).await;
    let second = farm.upload("b.zip", good(true)).await;
    assert_ne!(first.digest, second.digest);
    for package in [&first, &second, &first] {
        farm.take(spec(package.clone())).await;
    }
    let packages: i64 = sqlx::query_scalar("SELECT count(*) FROM render.packages")
        .fetch_one(&farm.admin)
        .await
        .unwrap();
    assert_eq!(packages, 1);
    let mut agent = FakeAgent::join(&farm.farm, "one").await;
    for _ in 0..3 {
        let lease = agent.leased().await;
        let Work::Frames(work) = &lease.work else {
            panic!("{lease:?}")
        };
        let blobs: Vec<_> = work.source.blobs().map(|blob| blob.digest).collect();
        assert_eq!(blobs, [first.digest], "the zip whose bytes the row keeps");
        let job = lease.job;
        agent.work(lease).await;
        agent
            .work_until(async || farm.job(job).await.state == JobState::Done)
            .await;
    }
    farm.stop().await;
}

async fn refused(farm: &TestFarm, bytes: Vec<u8>) -> (String, String, String) {
    let package = farm.upload("bad.zip", bytes).await;
    let mut errors = refusal(farm, spec(package)).await;
    assert_eq!(errors.len(), 1, "{errors:?}");
    errors.remove(0)
}

#[tokio::test]
async fn what_is_wrong_with_a_package_is_said_and_nothing_is_left() {
    let farm = TestFarm::start(quick()).await;
    let project = project_of(10, vec![shows("(Footage)/heart.png")]);
    let bare: [(&str, &[u8]); 1] = [("main.aep", &project)];
    let (pointer, code, detail) = refused(&farm, zip(&bare, &[], false)).await;
    assert_eq!((&*pointer, &*code), ("/project", "missing_footage"));
    assert!(
        detail.contains("(Footage)/heart.png") && detail.contains("package"),
        "{detail}"
    );

    let elsewhere: [(&str, &[u8]); 2] = [("main.aep", &project), ("heart.png", PICTURE)];
    let (_, code, _) = refused(&farm, zip(&elsewhere, &[], false)).await;
    assert_eq!(code, "missing_footage", "it is not where it is looked for");

    let script: [(&str, &[u8]); 2] = [("main.aep", &project), ("run.jsx", b"app.quit()")];
    let (pointer, code, detail) = refused(&farm, zip(&script, &[], false)).await;
    assert_eq!((&*pointer, &*code), ("/project", "bad_package"));
    assert!(detail.contains("run.jsx"), "{detail}");

    let mut cut = good(false);
    cut.truncate(cut.len() / 2);
    let (_, code, _) = refused(&farm, cut).await;
    assert_eq!(code, "bad_package");

    let mut broken = good(true);
    let at = broken
        .windows(PICTURE.len())
        .position(|bytes| bytes == PICTURE)
        .expect("stored as it is");
    broken[at + 10] ^= 1;
    let (_, code, detail) = refused(&farm, broken).await;
    assert_eq!(code, "bad_package", "a checksum is held against the bytes");
    assert!(detail.contains("heart.png"), "{detail}");

    let none: [(&str, &[u8]); 1] = [("heart.png", PICTURE)];
    let (_, code, _) = refused(&farm, zip(&none, &[], false)).await;
    assert_eq!(code, "bad_package");
    let left: i64 = sqlx::query_scalar(
        "SELECT (SELECT count(*) FROM render.render_jobs) + (SELECT count(*) FROM render.packages)",
    )
    .fetch_one(&farm.admin)
    .await
    .unwrap();
    assert_eq!(left, 0);
    farm.stop().await;
}

/// A package whose project names files of another machine, and says which packaged ones they are.
pub async fn linked(farm: &TestFarm) -> UploadedFile {
    let path = "C:\\Users\\somebody\\Pictures\\heart.png";
    let project = project_of(10, vec![shows(path)]);
    let files: [(&str, &[u8]); 2] = [("main.aep", &project), ("(Footage)/heart.png", PICTURE)];
    let link = Link {
        path: path.to_owned(),
        windows: true,
        file: "(Footage)/heart.png".to_owned(),
        sequence: false,
    };
    farm.upload("linked.zip", zip(&files, &[link], false)).await
}

#[tokio::test]
async fn a_package_with_links_is_prepared_once_though_nothing_is_set() {
    let farm = TestFarm::start(quick()).await;
    let package = linked(&farm).await;
    let job = farm.take(spec(package.clone())).await;
    let mut agent = FakeAgent::join(&farm.farm, "one").await;
    let lease = agent.leased().await;
    let Work::Prepare(work) = &lease.work else {
        panic!("{lease:?}")
    };
    assert_eq!(work.composition.name, "Main");
    let json = farm
        .farm
        .blobs
        .read(
            flatrender_controller::blobs::Area::Farm,
            work.values.digest,
            1 << 20,
        )
        .await
        .unwrap();
    let values = flatrender_protocol::values::Values::from_json(&json).unwrap();
    assert!(values.changes.is_empty() && values.scenes.is_none());
    agent.work(lease).await;
    agent
        .work_until(async || farm.job(job.id).await.state == JobState::Done)
        .await;
    let again = farm
        .farm
        .submit(TenantId::DEFAULT, spec(package))
        .await
        .unwrap();
    agent
        .work_until(async || farm.job(again.id).await.state == JobState::Done)
        .await;
    assert_eq!(farm.tries("prepare").await, 1);
    farm.stop().await;
}
