//! What was remembered becomes the same device, or none.

use super::*;
use crate::model::{RestoreError, Saved};

fn text(device: &Device) -> String {
    serde_json::to_string(&device.save()).unwrap()
}

fn restored(text: &str) -> Result<Device, String> {
    let saved: Saved = serde_json::from_str(text).map_err(|error| error.to_string())?;
    Device::restore(&saved).map_err(|error: RestoreError| error.to_string())
}

#[test]
fn a_device_comes_back_with_all_its_values_and_ids() {
    let (mut device, port, [lower, upper], [first, _]) = device();
    let image = Image { size: Size::new(10, 20), file: Some("a/b.png".into()) };
    let (source, mask) = (device.new_source_id().unwrap(), device.new_mask_id().unwrap());
    let mut pending = Pending::new();
    pending.create_source(source, upper, SourceKind::Image(image.clone()));
    pending.create_mask(mask, Mask { pipeline: upper, image });
    pending.set_power(port, Power::Suspend);
    pending.set_gamma(port, Gamma::new(1.7).unwrap());
    pending.set_background(port, Color { red: 1, green: 2, blue: 3 });
    pending.set_name(lower, Some(name("below")));
    pending.bind_source(lower, Some(first), Transition::default());
    pending.set_destination(lower, Rect::new(3, 4, 100, 50));
    pending.set_source_rectangle(lower, Some(SourceRect::new(0.5, 0.25, 3.3, 4.4))).unwrap();
    pending.set_opacity(lower, 0.3).unwrap();
    pending.set_layer(lower, -7);
    pending.set_transform(lower, Transform::Flipped270);
    pending.set_key(lower, ColorKey::rgb565(1, 2, 3).unwrap());
    let hole = [Rect::new(0, 0, 10, 10), Rect::new(5, 5, 20, 3)].into_iter().collect();
    pending.set_hole(lower, Hole::new(hole).unwrap());
    pending.set_transparency(lower, Transparency::from_bits(7 | 16).unwrap());
    pending.set_sizing(lower, Fit::Fill.into());
    pending.set_keyboard(lower, true);
    pending.set_input(lower, InputPolicy::Pass);
    pending.set_rate_limit(lower, Refresh::from_hz(59.94));
    let deadline = Some(std::time::Duration::from_millis(250));
    pending.set_fallback(upper, Fallback { picture: FallbackPicture::Source(source), deadline });
    pending.bind_mask(upper, Some(mask));
    whole(&mut device, pending).unwrap();

    let mut again = restored(&text(&device)).unwrap();
    assert_eq!(again, device);
    // A number that was given out is never given out again, whether its object is still there or not.
    assert_eq!(again.new_port_id().unwrap(), device.new_port_id().unwrap());
}

#[test]
fn nothing_comes_back_of_what_no_commit_could_have_made() {
    let (device, ..) = device();
    let good = text(&device);
    restored(&good).unwrap();
    for (is, becomes) in [
        ("\"last_id\":5", "\"last_id\":4"),
        ("\"last_id\":5", "\"last_id\":-1"),
        ("\"last_id\":5", "\"last_id\":4294967296"),
        ("\"name\":\"main\"", "\"name\":\"../main\""),
        ("\"size\":[640,480]", "\"size\":[640,480000]"),
        ("\"size\":[640,480]", "\"size\":[640]"),
        ("\"scale\":1.0", "\"scale\":0.0"),
        ("\"millihertz\":60000", "\"millihertz\":0"),
        ("\"power\":\"on\"", "\"power\":\"maybe\""),
        ("\"opacity\":1.0", "\"opacity\":1.5"),
        ("\"transparency\":", "\"transparency\":9"),
        ("\"scanout\":0", "\"scanout\":16"),
        ("\"scanout\":0", "\"scanout\":1"),
        ("\"masks\":[]", "\"masks\":[],\"more\":1"),
        ("\"port\":1", "\"port\":2"),
        ("\"port\":1", "\"port\":0"),
        ("\"pipeline\":2", "\"pipeline\":3"),
        ("\"id\":1,", "\"id\":2,"),
    ] {
        assert!(good.contains(is), "{is} is not in {good}");
        let bad = good.replacen(is, becomes, 1);
        assert!(restored(&bad).is_err(), "{becomes} came back");
    }
}
