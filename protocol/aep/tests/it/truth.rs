//! Every sample, field by field, against what independent readers found in it.

use flatrender_aep::{parse, read_file, truth_json};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::samples;

/// Fields that say how the truth was made, or that only another reader's output has.
const ABOUT_THE_TRUTH: [&str; 4] = ["sha256", "head_hex", "verified_by", "py_aep_error"];

#[test]
fn every_sample_reads_as_the_truth_says() {
    let Some(all) = samples::all("every_sample_reads_as_the_truth_says") else {
        return;
    };
    assert!(all.len() >= 13, "only {} samples", all.len());
    let mut differences = Vec::new();
    for (name, bytes, truth) in all {
        assert_eq!(
            hex::encode(Sha256::digest(&bytes)),
            truth["sha256"],
            "{name} is not the file the truth is about"
        );
        let project = parse(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(!project.damaged, "{name}: {:?}", project.warnings);
        let read = serde_json::to_value(truth_json(&project)).expect("plain data");
        compare(&name, &read, &truth, &mut differences);
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

fn compare(at: &str, read: &Value, truth: &Value, differences: &mut Vec<String>) {
    match (read, truth) {
        (Value::Object(read), Value::Object(truth)) => {
            for (key, value) in truth
                .iter()
                .filter(|(key, _)| !ABOUT_THE_TRUTH.contains(&key.as_str()))
            {
                compare(
                    &format!("{at}.{key}"),
                    read.get(key).unwrap_or(&Value::Null),
                    value,
                    differences,
                );
            }
            for key in read.keys().filter(|key| !truth.contains_key(*key)) {
                differences.push(format!("{at}.{key} is not in the truth"));
            }
        }
        (Value::Array(read), Value::Array(truth)) if read.len() == truth.len() => {
            for (index, (read, truth)) in read.iter().zip(truth).enumerate() {
                compare(&format!("{at}[{index}]"), read, truth, differences);
            }
        }
        _ if read == truth => {}
        _ => differences.push(format!("{at}: read {read}, truth {truth}")),
    }
}

#[test]
fn frames_follow_from_exact_rates() {
    let Some(folder) = samples::folder("frames_follow_from_exact_rates") else {
        return;
    };
    let project = read_file(&folder.join("boltframe-Item-01.aep")).unwrap();
    let ntsc = project.comp("Comp 02").unwrap();
    assert_eq!(ntsc.rate.to_string(), "30000/1001");
    assert_eq!(ntsc.frames, 2138);
    assert_eq!(ntsc.work_area_frames(), 0..2138);
    assert_eq!(project.first_display_frame(ntsc), 100);
    let plain = project.comp("Comp 01").unwrap();
    assert_eq!((plain.rate.to_string().as_str(), plain.frames), ("21", 651));
    assert_eq!(project.first_display_frame(plain), 33);

    let stretch = read_file(&folder.join("lottie-android-MatteTimeStretch.aep")).unwrap();
    let line = stretch.comp("Line").unwrap();
    assert_eq!((line.frames, line.work_area_frames()), (1800, 0..59));
}

#[test]
fn the_place_in_a_record_of_cs6_is_read() {
    let Some(folder) = samples::folder("the_place_in_a_record_of_cs6_is_read") else {
        return;
    };
    let project = read_file(&folder.join("lottie-web-helperProject-cs6.aep")).unwrap();
    let target = project.render_queue[0].outputs[0].target.as_ref().unwrap();
    assert_eq!(
        target.path,
        r"F:\her\AfterEffects\Scripting\ExtractData\Arte"
    );
    assert!(target.old_record && target.windows);
}
