//! The machine's own devices.

use super::super::Config;
use crate::devices::Property;

fn parse(rule: &str) -> Result<Config, String> {
    let text = format!(
        "version = 1\n[seat]\n[[port]]\nname = \"main\"\nsize = [64, 64]\n[[device]]\n{rule}\n"
    );
    Config::parse(&text, "f.toml").map_err(|errors| errors.to_string())
}

#[test]
fn rules_name_devices_by_what_udev_says() {
    let property = |rule: &str| parse(rule).unwrap().devices[0].devices.property.clone();
    let is = |name: &str, value: Option<&str>| {
        Some(Property { name: name.to_owned(), value: value.map(str::to_owned) })
    };
    assert_eq!(property("property = \"ID_SERIAL=a=b *\""), is("ID_SERIAL", Some("a=b *")));
    assert_eq!(property("property = \"ID_INPUT_TRACKBALL\""), is("ID_INPUT_TRACKBALL", None));
    assert_eq!(property("property = \"ID_SEAT=\""), is("ID_SEAT", Some("")));
    assert_eq!(property("type = \"touch\""), None);
}

#[test]
fn mistakes_in_rules_for_devices_are_told() {
    let long = "x".repeat(257);
    for (rule, message) in [
        ("port = \"main\"".to_owned(), "say which devices: model, id, path, type or property"),
        ("property = \"=x\"".to_owned(), "f.toml:7: 'property' cannot be this string; write it as"),
        ("property = \"ID SEAT\"".to_owned(), "f.toml:7: 'property' cannot be this string"),
        (format!("property = \"ID={long}\""), "f.toml:7: 'property' cannot be this string"),
        (format!("model = \"{long}\""), "f.toml:7: 'model' cannot be this string"),
        ("path = \"/dev/../etc\"".to_owned(), "f.toml:7: 'path' cannot be this string"),
        (format!("path = \"/dev/{long}\""), "f.toml:7: 'path' cannot be this string"),
        ("id = \"46d:c52b\"".to_owned(), "write maker and product as lsusb does"),
        ("type = \"mouse\"".to_owned(), "f.toml:7: 'type'"),
        ("type = \"touch\"\nport = \"side\"".to_owned(), "there is no port 'side'"),
        ("type = \"touch\"\nguest = \"ivi\"".to_owned(), "there is no guest 'ivi'"),
        ("type = \"touch\"\nseat = \"second\"".to_owned(), "say at which port the seat is"),
        ("type = \"touch\"\nmatrix = [1, 2, 0, 2, 4, 0]".to_owned(), "write six numbers"),
        ("type = \"touch\"\narea = [0, 0, 0, 5]".to_owned(), "write area = [X, Y, WIDTH, HEIGHT]"),
    ] {
        let told = parse(&rule).unwrap_err();
        assert!(told.contains(message), "{rule}: {told}");
    }
}
