use std::fs;

use super::*;

fn scratch(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("porthole-vga-vectors-{}-{name}", std::process::id()))
}

#[test]
fn all_recorded_scenarios_pass() {
    let pictures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/test-pictures/vga");
    let summary = run(&own_vectors(), &pictures).unwrap();
    assert!(summary.failed.is_empty(), "{summary}");
    assert_eq!(summary.passed, 51);
}

#[test]
fn what_differs_is_told_with_its_step_and_a_picture() {
    let folder = scratch("differs");
    fs::create_dir_all(&folder).unwrap();
    let steps = r#"[{"expect_io": [974, 1, 1]}, {"expect_mem": ["lfb", 4, "0001"]},
        {"screen": ["seen.png", "old.png"]}]"#;
    let text = format!(r#"{{"name": "wrong", "device": {{"type": "VGA"}}, "steps": {steps}}}"#);
    fs::write(folder.join("wrong.json"), text).unwrap();
    fs::write(folder.join("bad.json"), r#"{"name": "bad", "steps": [{"x": 1}]}"#).unwrap();
    let mut white = image::RgbImage::new(640, 480);
    white.put_pixel(3, 2, image::Rgb([1, 2, 3]));
    white.save(folder.join("seen.png")).unwrap();
    let summary = run(&folder, &folder.join("pictures")).unwrap();
    let diff = image::open(folder.join("pictures/wrong-2-diff.png")).unwrap().to_rgb8();
    fs::remove_dir_all(&folder).unwrap();
    assert_eq!((summary.passed, summary.failed.len()), (0, 2));
    let (_, why) = &summary.failed[1];
    for part in ["step 0: port 0x3ce: 0x0 instead of 0x1", "step 1: Lfb 0x4 + 0x1: 00", "pixel 3,2"]
    {
        assert!(why.contains(part), "{why}");
    }
    assert_eq!(diff.get_pixel(3, 2).0, [255, 0, 0]);
    assert_eq!(diff.get_pixel(3, 3).0, [0, 0, 0]);
}

#[test]
fn packed_bytes_are_unpacked() {
    assert_eq!(inflate("eJxLTEoGAAJNASc=").unwrap(), b"abc");
    assert!(inflate("?").is_err() && inflate("AAAA").is_err());
}
