//! `flatctl package …`: what a project's files become, what is told of what is not there, and what the farm would refuse.

use std::fs;
use std::path::Path;

use flatrender_aep::Rational;
use flatrender_aep::write::{CompSpec, FileSpec, KindSpec, LayerSpec, ProjectSpec};
use insta::assert_snapshot;

use crate::font::font;
use crate::transcript::{Transcript, alone};

/// A folder with a project of the compositions `Main` and `Other`, and some of their footage beside it.
struct Studio {
    folder: tempfile::TempDir,
}

/// A layer that shows a file, which lay `steps_down` parts below a folder `steps_up` above the project.
fn shows(path: &str, steps_up: u32, steps_down: u32) -> LayerSpec {
    let file = FileSpec {
        steps_up,
        steps_down,
        ..FileSpec::new(path)
    };
    LayerSpec::new("", KindSpec::File(file))
}

fn comp(name: &str, layers: Vec<LayerSpec>) -> CompSpec {
    let mut comp = CompSpec::new(name, 640, 360, Rational::whole(25), 50);
    comp.layers = layers;
    comp
}

impl Studio {
    fn new(comps: Vec<CompSpec>) -> Self {
        let studio = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let spec = ProjectSpec {
            comps,
            ..ProjectSpec::default()
        };
        studio.put("job/promo.aep", &flatrender_aep::write::project(&spec));
        studio
    }

    /// `Main` shows a picture below the project, a film of another disk and a text; `Other` a sound.
    fn usual() -> Self {
        let mut text = LayerSpec::new("Title", KindSpec::Text("FlatRender".to_owned()));
        text.font = "Vazirmatn-Bold".to_owned();
        let main = vec![
            text,
            shows("/Users/mina/promo/assets/logo.png", 1, 2),
            shows("D:\\clips\\sky.mov", 0, 0),
        ];
        let other = vec![shows("/Users/mina/promo/song.wav", 1, 1)];
        let studio = Self::new(vec![comp("Main", main), comp("Other", other)]);
        studio.put("job/assets/logo.png", b"picture");
        studio.put("job/(Footage)/day 1/sky.mov", b"film");
        studio.put("job/song.wav", b"sound");
        studio.put("job/Fonts/deep/v.ttf", &font("Vazirmatn-Bold"));
        studio.put("job/Fonts/other.ttf", &font("Other-Regular"));
        studio
    }

    fn put(&self, name: &str, content: &[u8]) {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// The image sequence of a path: the writer of projects has none, so its flag is set in the bytes.
    fn make_sequence(&self, path: &str) {
        let file = self.path("job/promo.aep");
        let mut bytes = fs::read(&file).unwrap();
        let find = |bytes: &[u8], what: &str, from: usize| {
            let found = bytes[from..]
                .windows(what.len())
                .position(|it| it == what.as_bytes());
            from + found.unwrap()
        };
        let at = find(&bytes, path, 0);
        let at = find(&bytes, "\"target_is_folder\":false", at);
        bytes[at..at + 24].copy_from_slice(b"\"target_is_folder\":true ");
        fs::write(&file, bytes).unwrap();
    }

    async fn run(&self, args: &[&str]) -> Transcript {
        let args: Vec<String> = args
            .iter()
            .map(|arg| match arg.strip_prefix('@') {
                Some(name) => self.path(name),
                None => (*arg).to_owned(),
            })
            .collect();
        alone(&args.iter().map(String::as_str).collect::<Vec<_>>()).await
    }

    /// What came out, without this machine's folder.
    fn shown(&self, transcript: &Transcript) -> String {
        let real = fs::canonicalize(self.folder.path()).unwrap();
        transcript
            .shown()
            .replace(self.folder.path().to_str().unwrap(), "DIR")
            .replace(real.to_str().unwrap(), "DIR")
    }
}

fn names(manifest: &serde_json::Value) -> Vec<&str> {
    let files = manifest["files"].as_array().unwrap();
    files
        .iter()
        .map(|file| file["name"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_project_is_packed_with_its_footage_and_fonts() {
    let studio = Studio::usual();
    let made = studio
        .run(&["package", "make", "@job/promo.aep", "--json"])
        .await;
    assert_eq!(made.exit, 0, "{}", made.err);
    let made = made.json();
    assert_eq!(
        names(&made["manifest"]),
        [
            "(Fonts)/v.ttf",
            "(Footage)/sky.mov",
            "assets/logo.png",
            "flatrender-links.json",
            "promo.aep",
            "song.wav"
        ]
    );
    assert_eq!(made["missing"].as_array().unwrap().len(), 0);
    assert_eq!(made["missing_fonts"].as_array().unwrap().len(), 0);
    let check = ["package", "check", "@job/promo.zip", "--json"];
    let checked = studio.run(&check).await;
    assert_eq!(checked.exit, 0, "{}", checked.err);
    let checked = checked.json();
    assert_eq!(checked["manifest"], made["manifest"]);
    assert_eq!(
        checked["compositions"],
        serde_json::json!(["Main", "Other"])
    );
    assert_eq!(checked["warnings"], serde_json::json!([]));
    // the same again: the same bytes
    let first = fs::read(studio.path("job/promo.zip")).unwrap();
    let again = [
        "package",
        "make",
        "@job/promo.aep",
        "--out",
        "@again.zip",
        "--quiet",
    ];
    assert_eq!(studio.run(&again).await.exit, 0);
    assert_eq!(fs::read(studio.path("again.zip")).unwrap(), first);
}

#[tokio::test]
async fn a_package_is_shown_to_people() {
    let studio = Studio::usual();
    let make = [
        "package",
        "make",
        "@job/promo.aep",
        "--comp",
        "Main",
        "--quiet",
    ];
    let made = studio.run(&make).await;
    let check = ["package", "check", "@job/promo.zip"];
    let json = studio.run(&[&check[..], &["--json"]].concat()).await.json();
    let digest = json["manifest"]["digest"].as_str().unwrap().to_owned();
    let shown = |transcript: &Transcript| studio.shown(transcript).replace(&digest, "DIGEST");
    assert_snapshot!(shown(&made), @r#"
    DIR/job/promo.zip  DIGEST
      (Fonts)/v.ttf from DIR/job/Fonts/deep/v.ttf
      (Footage)/sky.mov from DIR/job/(Footage)/day 1/sky.mov
      assets/logo.png from DIR/job/assets/logo.png
    exit 0
    "#);
    let checked = studio.run(&check).await;
    assert_snapshot!(shown(&checked), @r#"
    promo.zip  DIGEST
      project promo.aep, saved by After Effects 25.0.0x1, 2 compositions
      5 files, 5.1 KiB
      font Vazirmatn-Bold in (Fonts)/v.ttf
      /Users/mina/promo/assets/logo.png is assets/logo.png
      D:\clips\sky.mov is (Footage)/sky.mov
    ! warning: song.wav, shown by Other / song.wav, is not in the package: /Users/mina/promo/song.wav
    exit 0
    "#);
    let listed = studio.run(&["package", "ls", "@job/promo.zip"]).await;
    assert_eq!(listed.exit, 0);
    assert!(listed.out.lines().count() == 6, "{}", listed.out);
    assert!(listed.out.starts_with("NAME"), "{}", listed.out);
}

#[tokio::test]
async fn what_is_not_found_is_told_by_name_and_nothing_is_written() {
    let studio = Studio::usual();
    fs::remove_file(studio.path("job/assets/logo.png")).unwrap();
    fs::remove_file(studio.path("job/(Footage)/day 1/sky.mov")).unwrap();
    fs::remove_file(studio.path("job/Fonts/deep/v.ttf")).unwrap();
    let make = ["package", "make", "@job/promo.aep"];
    let made = studio.run(&make).await;
    assert_snapshot!(studio.shown(&made), @r#"
    ! warning: font Vazirmatn-Bold is not packed: nodes must have it; put its file into (Fonts) beside the project or name its folder with --fonts
    ! error: failed to make a package of DIR/job/promo.aep: 2 files of its footage are missing
    ! hint: /footage/4: logo.png, at /Users/mina/promo/assets/logo.png in the project, shown by Main / logo.png: not found; looked at /Users/mina/promo/assets/logo.png, DIR/job/assets/logo.png, DIR/job/(Footage)/logo.png, DIR/job/logo.png
    ! hint: /footage/6: sky.mov, at D:\clips\sky.mov in the project, shown by Main / sky.mov: not found; looked at DIR/job/(Footage)/sky.mov, DIR/job/sky.mov
    ! hint: put it beside the project in (Footage), or say where it is with --map FROM=TO
    ! hint: --allow-missing packs the rest; what shows the missing files will not look right
    exit 8
    "#);
    assert!(!Path::new(&studio.path("job/promo.zip")).exists());
    let problem = studio
        .run(&[&make[..], &["--json"]].concat())
        .await
        .problem();
    assert_eq!(problem.errors.len(), 2);
    assert_eq!(problem.errors[0].code, "missing_footage");
    // another composition does not need them
    let other = studio
        .run(&[&make[..], &["--comp", "Other", "--json"]].concat())
        .await;
    assert_eq!(
        names(&other.json()["manifest"]),
        ["flatrender-links.json", "promo.aep", "song.wav"]
    );
    // and one can do without
    let without = studio
        .run(&[&make[..], &["--allow-missing", "--json"]].concat())
        .await;
    assert_eq!(without.exit, 0, "{}", without.err);
    let without = without.json();
    assert_eq!(without["missing"].as_array().unwrap().len(), 2);
    assert_eq!(
        without["missing_fonts"],
        serde_json::json!(["Vazirmatn-Bold"])
    );
    let checked = studio
        .run(&["package", "check", "@job/promo.zip", "--json"])
        .await
        .json();
    assert_eq!(checked["warnings"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn footage_that_moved_is_found_by_its_map_and_twins_keep_apart() {
    let layers = vec![
        shows("D:\\clips\\sky.mov", 0, 0),
        shows("D:\\more\\sky.mov", 0, 0),
        shows("D:\\clips\\aux.png", 0, 0),
        shows("d:\\CLIPS\\sky.mov", 0, 0),
    ];
    let studio = Studio::new(vec![comp("Main", layers)]);
    studio.put("nas/clips/sky.mov", b"one");
    studio.put("nas/more/sky.mov", b"two");
    studio.put("nas/clips/aux.png", b"three");
    studio.put("nas/CLIPS/sky.mov", b"one");
    let map = format!("d:\\={}", studio.path("nas"));
    let made = studio
        .run(&["package", "make", "@job/promo.aep", "--map", &map, "--json"])
        .await;
    assert_eq!(made.exit, 0, "{}", made.err);
    let made = made.json();
    assert_eq!(
        names(&made["manifest"]),
        [
            "(Footage)/2/sky.mov",
            "(Footage)/3/sky.mov",
            "(Footage)/_aux.png",
            "(Footage)/sky.mov",
            "flatrender-links.json",
            "promo.aep"
        ]
    );
    let links = made["manifest"]["links"].as_array().unwrap();
    let file = |path: &str| links.iter().find(|link| link["path"] == path).unwrap()["file"].clone();
    assert_eq!(file("D:\\clips\\sky.mov"), "(Footage)/sky.mov");
    assert_eq!(file("D:\\more\\sky.mov"), "(Footage)/2/sky.mov");
    assert_eq!(file("D:\\clips\\aux.png"), "(Footage)/_aux.png");
}

#[tokio::test]
async fn a_sequence_is_packed_as_a_folder_and_its_hole_is_told() {
    let layers = vec![shows("/Users/mina/promo/shot", 1, 1)];
    let studio = Studio::new(vec![comp("Main", layers)]);
    studio.make_sequence("/Users/mina/promo/shot");
    for name in [
        "shot_0001.png",
        "shot_0002.png",
        "shot_0004.png",
        "notes.txt",
    ] {
        studio.put(&format!("job/shot/{name}"), b"x");
    }
    let made = studio
        .run(&["package", "make", "@job/promo.aep", "--json"])
        .await;
    assert_eq!(made.exit, 0, "{}", made.err);
    let made = made.json();
    assert_eq!(
        names(&made["manifest"]),
        [
            "flatrender-links.json",
            "promo.aep",
            "shot/shot_0001.png",
            "shot/shot_0002.png",
            "shot/shot_0004.png"
        ]
    );
    assert_eq!(made["manifest"]["links"][0]["sequence"], true);
    let warning = made["warnings"][0].as_str().unwrap();
    assert!(warning.ends_with("shot_3.png is not there"), "{warning}");
}

#[tokio::test]
async fn a_project_of_a_stranger_takes_no_file_that_is_no_footage() {
    let studio = Studio::new(vec![]);
    let secret = studio.path("home/.ssh/id_ed25519");
    studio.put("home/.ssh/id_ed25519", b"secret");
    let spec = ProjectSpec {
        comps: vec![comp("Main", vec![shows(&secret, 0, 0)])],
        ..ProjectSpec::default()
    };
    studio.put("job/promo.aep", &flatrender_aep::write::project(&spec));
    let made = studio.run(&["package", "make", "@job/promo.aep"]).await;
    assert_eq!(made.exit, 8);
    assert!(
        made.err
            .contains("a package holds no files without an extension"),
        "{}",
        made.err
    );
    let made = studio
        .run(&["package", "make", "@job/promo.aep", "--allow-missing"])
        .await;
    assert_eq!(made.exit, 0, "{}", made.err);
    let zip = fs::read(studio.path("job/promo.zip")).unwrap();
    assert!(
        !zip.windows(6)
            .any(|bytes| bytes == b"secret" && !zip.is_empty())
    );
}

#[tokio::test]
async fn what_the_farm_would_refuse_is_refused_here() {
    let studio = Studio::usual();
    let check = ["package", "check", "@job/promo.zip"];
    let absent = studio.run(&check).await;
    assert_snapshot!(studio.shown(&absent), @r#"
    ! error: failed to check DIR/job/promo.zip: read DIR/job/promo.zip: no such file or directory
    exit 8
    "#);
    studio.run(&["package", "make", "@job/promo.aep"]).await;
    let mut bytes = fs::read(studio.path("job/promo.zip")).unwrap();
    let at = bytes.windows(4).position(|it| it == b"film").unwrap();
    bytes[at] ^= 1;
    fs::write(studio.path("job/promo.zip"), bytes).unwrap();
    assert_snapshot!(studio.shown(&studio.run(&check).await), @r#"
    ! error: failed to check DIR/job/promo.zip: entry "(Footage)/sky.mov": its checksum is not that of its bytes
    ! hint: the file was cut or damaged on its way: send it again, or pack it again
    exit 8
    "#);
    let problem = studio
        .run(&[&check[..], &["--json"]].concat())
        .await
        .problem();
    assert_eq!(problem.errors[0].pointer, "/package");
    let bare = studio.run(&["package", "check", "@job/promo.aep"]).await;
    assert_snapshot!(studio.shown(&bare), @r#"
    ! error: failed to check DIR/job/promo.aep: not a zip: it is a project, not a package
    ! hint: send a .zip, or let flatctl package make write one
    exit 8
    "#);
    let wrong = studio
        .run(&["package", "make", "@job/promo.aep", "--comp", "Mian"])
        .await;
    assert_snapshot!(studio.shown(&wrong), @r#"
    ! error: failed to make a package of DIR/job/promo.aep: composition "Mian" is not in the project, it has "Main", "Other"
    ! hint: flatctl aep inspect DIR/job/promo.aep shows what there is
    exit 8
    "#);
}
