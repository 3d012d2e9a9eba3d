//! Values are set once: who does it, who shares it, what the report decides, and what becomes of jobs when it can't be done.

use std::time::Duration;

use flatrender_aep::write::{KindSpec, LayerSpec};
use flatrender_controller::farm::Settings;
use flatrender_protocol::message::{Ending, Held, Lease, OutcomeClass, PrepareWork, ToAgent, Work};
use flatrender_protocol::rest::{JobSpec, MediaSpec, UploadedFile, ValuesForm, ValuesSpec};
use flatrender_protocol::state::JobState;
use flatrender_protocol::values::{ChangeReport, ExpressionError, Outcome, Values};
use flatrender_protocol::{Layer, TenantId};
use serde_json::{Value, json};

use super::agent::{FakeAgent, blob_of};
use super::refusals::refusal;
use super::{TestFarm, project_of, quick, spec, until};

const PERSIAN: &str = "سلام دنیا";
const PICTURE: &[u8] = b"\x89PNG\r\n\x1a\n and what follows";

/// Nodes that are not lost by the clock of a test.
fn patient() -> Settings {
    Settings {
        silent_after_ms: 20_000,
        lost_after_ms: 60_000,
        ..quick()
    }
}

async fn template(farm: &TestFarm) -> UploadedFile {
    let title = LayerSpec::new("Title", KindSpec::Text("Title".to_owned()));
    farm.upload("main.aep", project_of(10, vec![title])).await
}

/// A document that sets the title of `Main`.
fn title(text: &str) -> Value {
    let project = flatrender_aep::parse(&project_of(
        10,
        vec![LayerSpec::new("Title", KindSpec::Text("Title".to_owned()))],
    ));
    let project = project.expect("a project");
    let comp = project.comp("Main").expect("it has one");
    let layer = &comp.layers[0];
    json!({
        "version": 1,
        "changes": [{
            "comp": { "id": comp.id, "name": comp.name },
            "layer": { "index": 1, "id": layer.id, "name": layer.name },
            "set": { "kind": "text", "text": text },
        }],
    })
}

fn with(project: UploadedFile, document: Value) -> JobSpec {
    JobSpec {
        values: Some(ValuesSpec {
            document: Some(document),
            file: None,
            form: ValuesForm::Flatrender,
            media: Vec::new(),
            allow_missing: false,
        }),
        ..spec(project)
    }
}

fn work_of(lease: &Lease) -> &PrepareWork {
    match &lease.work {
        Work::Prepare(work) => work,
        other => panic!("a prepare was awaited, not {other:?}"),
    }
}

fn missed(detail: &str) -> ChangeReport {
    ChangeReport {
        outcome: Outcome::Missing,
        reason: "no_layer".to_owned(),
        detail: detail.to_owned(),
        computed: false,
        text: None,
        font: None,
    }
}

#[tokio::test]
async fn values_are_set_once_and_frames_follow_what_was_reported() {
    let farm = TestFarm::start(quick()).await;
    let job = farm.take(with(template(&farm).await, title(PERSIAN))).await;
    let named = job.values.expect("the values have a name");
    let mut agent = FakeAgent::join(&farm.farm, "one").await;
    let lease = agent.leased().await;
    let work = work_of(&lease).clone();
    assert_eq!(
        (farm.job(job.id).await.state, &*work.composition.name),
        (JobState::Preparing, "Main")
    );
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
    assert!(String::from_utf8_lossy(&json).contains(PERSIAN));
    assert_eq!(Values::from_json(&json).unwrap().changes.len(), 1);
    for blob in work.source.blobs().chain([&work.values]) {
        assert!(farm.farm.grants.allows(agent.node, &blob.digest));
    }
    let mut report = agent.script_report(&work);
    let comp = report.comp.as_mut().unwrap();
    (comp.frames, comp.width, comp.height, comp.start_frame) = (14, 100, 50, 3);
    (comp.frame_rate, comp.background) = (29.97, [1.0, 0.5, 0.0]);
    report.fonts_missing = Some(vec!["Vazirmatn-Bold".to_owned()]);
    report.expression_errors = vec![ExpressionError {
        comp: "Main".to_owned(),
        layer: "Title".to_owned(),
        property: Vec::new(),
        message: "undefined value".to_owned(),
    }];
    let made = agent.prepared(&work, &report).await;
    agent.made(lease.key, made).await;
    let lease = agent.leased().await;
    let Work::Frames(frames) = &lease.work else {
        panic!("{lease:?}")
    };
    assert_eq!(
        (frames.width, frames.height, frames.first_display),
        (100, 50, 3)
    );
    assert_eq!(frames.source.project, work.prepared_name);
    assert_eq!(frames.source.layers[..1], work.source.layers[..]);
    assert!(
        matches!(&frames.source.layers[1], Layer::File { name, .. } if *name == work.prepared_name)
    );
    agent.work(lease).await;
    agent
        .work_until(async || farm.job(job.id).await.state == JobState::Done)
        .await;
    let done = farm.job(job.id).await;
    assert_eq!(
        (done.frames_total, &*done.frames, done.width),
        (14, "3-16", 100)
    );
    assert_eq!(
        (done.rate.num, done.rate.den, done.values),
        (30_000, 1001, Some(named))
    );
    assert_eq!(done.film.unwrap().frames, 14);
    let notes = done.notes.join("\n");
    assert!(
        notes.contains("Vazirmatn-Bold") && notes.contains("undefined value"),
        "{notes}"
    );
    let background: String = sqlx::query_scalar("SELECT background FROM render.render_jobs")
        .fetch_one(&farm.admin)
        .await
        .unwrap();
    assert_eq!(background, "#ff8000");
    let events = farm.farm.events_after(Some(job.id), 0, 100).await.unwrap();
    let states = events.iter().filter(|event| event.subject == "job");
    let states: Vec<&str> = states.map(|event| event.to.as_str()).collect();
    assert_eq!(
        states,
        [
            "queued",
            "preparing",
            "preparing",
            "running",
            "assembling",
            "done"
        ]
    );
    farm.assert_whole().await;
    farm.stop().await;
}

#[tokio::test]
async fn equal_jobs_share_one_prepare() {
    let farm = TestFarm::start(patient()).await;
    let project = template(&farm).await;
    let first = farm.take(with(project.clone(), title("one"))).await;
    let second = farm.take(with(project.clone(), title("one"))).await;
    assert_eq!(first.values, second.values);
    let mut agent = FakeAgent::join(&farm.farm, "one").await;
    let mut idle = FakeAgent::join(&farm.farm, "two").await;
    let (lease, holder, other) = tokio::select! {
        lease = agent.leased() => (lease, &mut agent, &mut idle),
        lease = idle.leased() => (lease, &mut idle, &mut agent),
    };
    assert_eq!(lease.job, first.id, "the older one");
    assert!(
        other.nothing_leased(Duration::from_millis(300)).await,
        "the second waits"
    );
    let why = until("it says why", async || farm.job(second.id).await.reason).await;
    assert!(
        why.contains(&first.id.to_string()) && why.contains("same values"),
        "{why}"
    );
    holder.work(lease).await;
    for id in [first.id, second.id] {
        let both = async || farm.job(id).await.state == JobState::Done;
        tokio::join!(holder.work_until(both), other.work_until(both));
    }
    let third = farm.take(with(project.clone(), title("one"))).await;
    holder
        .work_until(async || farm.job(third.id).await.state == JobState::Done)
        .await;
    assert_eq!(farm.tries("prepare").await, 1);
    let different = farm.take(with(project, title("two"))).await;
    assert_ne!(different.values, third.values);
    holder
        .work_until(async || farm.job(different.id).await.state == JobState::Done)
        .await;
    assert_eq!(farm.tries("prepare").await, 2);
    farm.assert_whole().await;
    farm.stop().await;
}

#[tokio::test]
async fn what_can_not_be_set_fails_the_job_or_becomes_a_note() {
    let farm = TestFarm::start(quick()).await;
    let project = template(&farm).await;
    let strict = farm.take(with(project.clone(), title("one"))).await;
    let mut agent = FakeAgent::join(&farm.farm, "one").await;
    let lease = agent.leased().await;
    let mut report = agent.script_report(work_of(&lease));
    report.changes = vec![missed("Main has no layer \"Title\"")];
    let made = agent.prepared(work_of(&lease), &report).await;
    agent.made(lease.key, made).await;
    let failed = farm.until_state(strict.id, JobState::Failed).await;
    let reason = failed.reason.unwrap();
    assert!(
        reason.contains("changes[0] (no_layer)") && reason.contains("Main has no layer"),
        "{reason}"
    );
    assert!(reason.contains("allow_missing"), "{reason}");
    let mut lenient = with(project, title("one"));
    lenient.values.as_mut().unwrap().allow_missing = true;
    let lenient = farm.take(lenient).await;
    agent
        .work_until(async || farm.job(lenient.id).await.state == JobState::Done)
        .await;
    let notes = farm.job(lenient.id).await.notes;
    assert!(notes[0].contains("Main has no layer"), "{notes:?}");
    assert_eq!(
        farm.tries("prepare").await,
        1,
        "what was prepared is judged anew, not made anew"
    );
    let frames: i64 = sqlx::query_scalar("SELECT count(*) FROM render.frames WHERE job_id = $1")
        .bind(strict.id.0)
        .fetch_one(&farm.admin)
        .await
        .unwrap();
    assert_eq!(frames, 0);
    farm.assert_whole().await;
    farm.stop().await;
}

#[tokio::test]
async fn a_prepare_that_fails_on_three_nodes_fails_all_that_wait_for_it() {
    let farm = TestFarm::start(patient()).await;
    let project = template(&farm).await;
    let first = farm.take(with(project.clone(), title("one"))).await;
    let second = farm.take(with(project.clone(), title("one"))).await;
    let mut agents = Vec::new();
    for name in ["a", "b", "c"] {
        let mut agent = FakeAgent::join(&farm.farm, name).await;
        let lease = agent.leased().await;
        work_of(&lease);
        let said = "After Effects error: the file is of a newer version";
        agent
            .report(lease.key, Ending::Failed, OutcomeClass::Template, said)
            .await;
        agents.push(agent);
    }
    for id in [first.id, second.id] {
        let reason = farm.until_state(id, JobState::Failed).await.reason.unwrap();
        assert!(
            reason.contains("3 attempts, on a, b, c") && reason.contains("newer version"),
            "{reason}"
        );
    }
    assert_eq!(farm.tries("prepare").await, 3);
    farm.stop().await;
}

#[tokio::test]
async fn what_the_script_could_not_do_counts_as_the_templates_fault() {
    let farm = TestFarm::start(patient()).await;
    let job = farm.take(with(template(&farm).await, title("one"))).await;
    for name in ["a", "b", "c"] {
        let mut agent = FakeAgent::join(&farm.farm, name).await;
        let lease = agent.leased().await;
        let mut report = agent.script_report(work_of(&lease));
        report.saved = false;
        report.stopped = Some(flatrender_protocol::values::Stopped {
            step: "open".to_owned(),
            message: "this file can't be opened".to_owned(),
        });
        let made = agent.prepared(work_of(&lease), &report).await;
        agent.made(lease.key, made).await;
        agent
            .hear(|message| matches!(message, ToAgent::ReportAck(_)).then_some(()))
            .await;
    }
    let reason = farm
        .until_state(job.id, JobState::Failed)
        .await
        .reason
        .unwrap();
    assert!(
        reason.contains("step \"open\"") && reason.contains("can't be opened"),
        "{reason}"
    );
    farm.stop().await;
}

#[tokio::test]
async fn only_nodes_that_run_scripts_prepare_and_others_render() {
    let farm = TestFarm::start(patient()).await;
    let job = farm.take(with(template(&farm).await, title("one"))).await;
    let mut render_only = FakeAgent::join_with(&farm.farm, "plain", "25.2x26", false).await;
    assert!(render_only.nothing_leased(Duration::from_millis(300)).await);
    until("it says why", async || {
        let why = farm.job(job.id).await.reason?;
        (why.contains("set values") && why.contains("AfterFX")).then_some(())
    })
    .await;
    let mut scripts = FakeAgent::join_with(&farm.farm, "scripts", "25.2x26", true).await;
    let lease = scripts.leased().await;
    scripts.work(lease).await;
    scripts.disconnect().await;
    render_only
        .work_until(async || farm.job(job.id).await.frames_done > 0)
        .await;
    assert_eq!(
        farm.job(job.id).await.after_effects.as_deref(),
        Some("25.2")
    );
    farm.stop().await;
}

#[tokio::test]
async fn frames_outside_what_was_prepared_fail_the_job_in_words() {
    let farm = TestFarm::start(quick()).await;
    let mut wanted = with(template(&farm).await, title("one"));
    wanted.frames = Some("0-9".to_owned());
    let job = farm.take(wanted).await;
    let mut agent = FakeAgent::join(&farm.farm, "one").await;
    let lease = agent.leased().await;
    let mut report = agent.script_report(work_of(&lease));
    report.comp.as_mut().unwrap().frames = 5;
    let made = agent.prepared(work_of(&lease), &report).await;
    agent.made(lease.key, made).await;
    let reason = farm
        .until_state(job.id, JobState::Failed)
        .await
        .reason
        .unwrap();
    assert!(
        reason.contains("0-9") && reason.contains("0 to 4"),
        "{reason}"
    );
    farm.assert_whole().await;
    farm.stop().await;
}

#[tokio::test]
async fn a_prepare_goes_on_over_a_new_leader_and_elsewhere_when_its_node_is_lost() {
    let farm = TestFarm::start(quick()).await;
    let job = farm.take(with(template(&farm).await, title("one"))).await;
    let mut agent = FakeAgent::join(&farm.farm, "one").await;
    let lease = agent.leased().await;
    let work = work_of(&lease).clone();
    let node = agent.node;
    let farm = farm.crash_and_restart().await;
    let held = Held {
        lease: lease.key,
        until: 0,
        ended: false,
    };
    let mut agent = FakeAgent::connect(&farm.farm, node, vec![held]).await;
    assert!(
        agent.nothing_leased(Duration::from_millis(200)).await,
        "it is under work"
    );
    let made = agent.prepared(&work, &agent.script_report(&work)).await;
    agent.made(lease.key, made).await;
    agent
        .work_until(async || farm.job(job.id).await.state == JobState::Done)
        .await;
    assert_eq!(farm.tries("prepare").await, 1);

    let next = farm.take(with(template(&farm).await, title("two"))).await;
    let lost = agent.leased().await;
    work_of(&lost);
    agent.disconnect().await;
    let mut other = FakeAgent::join(&farm.farm, "other").await;
    other
        .work_until(async || farm.job(next.id).await.state == JobState::Done)
        .await;
    assert_eq!(farm.tries("prepare").await, 3, "once more, uncharged");
    let state: String = sqlx::query_scalar("SELECT state FROM render.attempts WHERE id = $1")
        .bind(lost.key.attempt.0)
        .fetch_one(&farm.admin)
        .await
        .unwrap();
    assert_eq!(state, "lost");
    farm.assert_whole().await;
    farm.stop().await;
}

#[tokio::test]
async fn another_job_prepares_when_the_one_that_did_is_cancelled() {
    let farm = TestFarm::start(patient()).await;
    let project = template(&farm).await;
    let first = farm.take(with(project.clone(), title("one"))).await;
    let second = farm.take(with(project, title("one"))).await;
    let mut agent = FakeAgent::join(&farm.farm, "one").await;
    let lease = agent.leased().await;
    assert_eq!(lease.job, first.id);
    farm.farm.cancel(TenantId::DEFAULT, first.id).await.unwrap();
    agent
        .hear(|message| matches!(message, ToAgent::Drop { .. }).then_some(()))
        .await;
    agent
        .report(lease.key, Ending::Stopped, OutcomeClass::Ok, "")
        .await;
    let lease = agent.leased().await;
    assert_eq!(lease.job, second.id);
    work_of(&lease);
    agent.work(lease).await;
    agent
        .work_until(async || farm.job(second.id).await.state == JobState::Done)
        .await;
    assert_eq!(farm.job(first.id).await.state, JobState::Cancelled);
    farm.assert_whole().await;
    farm.stop().await;
}

#[tokio::test]
async fn media_of_values_lie_beside_the_project() {
    let farm = TestFarm::start(quick()).await;
    let picture = farm.upload("photo.png", PICTURE.to_vec()).await;
    let mut document = title("one");
    document["changes"][0]["set"] = json!({ "kind": "image", "file": "photos/me.png" });
    let mut wanted = with(template(&farm).await, document);
    wanted.values.as_mut().unwrap().media = vec![MediaSpec {
        name: "photos/me.png".to_owned(),
        digest: picture.digest,
    }];
    let job = farm.take(wanted.clone()).await;
    let mut agent = FakeAgent::join(&farm.farm, "one").await;
    let lease = agent.leased().await;
    let work = work_of(&lease);
    let found = work.source.layers.iter().any(|layer| {
        matches!(layer, Layer::File { blob, name } if blob.digest == picture.digest && name == "photos/me.png")
    });
    assert!(found, "{:?}", work.source);
    assert!(farm.farm.grants.allows(agent.node, &picture.digest));
    let other = farm.upload("photo.png", [PICTURE, b"!"].concat()).await;
    wanted.values.as_mut().unwrap().media[0].digest = other.digest;
    let next = farm.take(wanted).await;
    assert_ne!(next.values, job.values, "the same name, another picture");
    farm.stop().await;
}

#[tokio::test]
async fn nexrenders_assets_are_values_too() {
    let farm = TestFarm::start(quick()).await;
    let picture = farm.upload("photo.png", PICTURE.to_vec()).await;
    let assets = json!({ "assets": [
        { "type": "data", "layerName": "Title", "property": "Source Text", "value": PERSIAN },
        { "type": "static", "src": "https://example.org/a/logo.png" },
    ]});
    let mut wanted = with(template(&farm).await, assets);
    let values = wanted.values.as_mut().unwrap();
    values.form = ValuesForm::Nexrender;
    values.media = vec![MediaSpec {
        name: "logo.png".to_owned(),
        digest: picture.digest,
    }];
    let own = farm.take(with(template(&farm).await, title(PERSIAN))).await;
    let job = farm.take(wanted.clone()).await;
    assert_ne!(job.values, own.values, "it brings a file");
    let values = wanted.values.as_mut().unwrap();
    values.media.clear();
    values.document = Some(json!([
        { "type": "data", "layerName": "Title", "property": "Source Text", "value": PERSIAN },
    ]));
    let same = farm.take(wanted.clone()).await;
    assert_eq!(
        same.values, own.values,
        "written otherwise, and the same values"
    );
    let script = json!([{ "type": "script", "src": "file:///run.jsx" }, { "type": "data", "layerName": "Nobody", "property": "Source Text", "value": "x" }]);
    wanted.values.as_mut().unwrap().document = Some(script);
    let errors = refusal(&farm, wanted).await;
    let pointers: Vec<&str> = errors
        .iter()
        .map(|(pointer, ..)| pointer.as_str())
        .collect();
    assert_eq!(
        pointers,
        ["/values/document/0/type", "/values/document/1/layerName"]
    );
    assert!(
        errors[0].2.contains("script assets are refused"),
        "{errors:?}"
    );
    farm.stop().await;
}

#[tokio::test]
async fn every_wrong_value_is_pointed_at() {
    let farm = TestFarm::start(quick()).await;
    let project = template(&farm).await;
    let text = farm.upload("photo.png", b"I am a text".to_vec()).await;
    let picture = farm.upload("photo.png", PICTURE.to_vec()).await;
    let image = |file: &str| {
        let mut document = title("one");
        document["changes"][0]["set"] = json!({ "kind": "image", "file": file });
        document
    };
    let mut size = title("one");
    size["changes"][0]["set"]["size"] = json!(0.0);
    let mut comp = title("one");
    comp["changes"][0]["comp"]["name"] = json!("Mian");
    let mut unknown = title("one");
    unknown["changes"][0]["expression"] = json!("app.quit()");
    let media = |name: &str, digest| MediaSpec {
        name: name.to_owned(),
        digest,
    };
    let cases = [
        (
            size,
            vec![],
            "/values/document/changes/0/set/size",
            "invalid",
            "1296",
        ),
        (
            comp,
            vec![],
            "/values/document/changes/0/comp",
            "not_found",
            "Mian",
        ),
        (
            unknown,
            vec![],
            "/values/document",
            "malformed",
            "expression",
        ),
        (image("a.png"), vec![], "/values/media", "missing", "a.png"),
        (
            image("a.png"),
            vec![media("a.png", text.digest)],
            "/values/media/0",
            "wrong_media",
            "PNG",
        ),
        (
            image("a.png"),
            vec![media("a.png", blob_of(b"nowhere").digest)],
            "/values/media/0/digest",
            "not_uploaded",
            "PUT",
        ),
        (
            image("a.png"),
            vec![media("../a.png", picture.digest)],
            "/values/media/0/name",
            "malformed",
            "leads out",
        ),
        (
            image("a.jsx"),
            vec![media("a.jsx", picture.digest)],
            "/values/media/0/name",
            "bad_kind",
            "never",
        ),
        (
            image("main.aep"),
            vec![media("main.aep", picture.digest)],
            "/values/media/0/name",
            "duplicate",
            "another file",
        ),
        (
            title("one"),
            vec![media("a.png", picture.digest)],
            "/values/media/0/name",
            "unused",
            "a.png",
        ),
    ];
    for (document, media, pointer, code, says) in cases {
        let mut wanted = with(project.clone(), document);
        wanted.values.as_mut().unwrap().media = media;
        let errors = refusal(&farm, wanted).await;
        let named = errors
            .iter()
            .any(|(p, c, d)| p == pointer && c == code && d.contains(says));
        assert!(named, "{pointer} {code} {says}: {errors:?}");
    }
    assert_eq!(jobs(&farm).await, 0, "nothing is left behind");
    farm.stop().await;
}

/// How many jobs there are.
async fn jobs(farm: &TestFarm) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM render.render_jobs")
        .fetch_one(&farm.admin)
        .await
        .expect("a count")
}
