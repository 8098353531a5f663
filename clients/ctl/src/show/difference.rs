//! What changed between two states, as JSON: for each object its name and the keys that are otherwise.

use serde_json::{Map, Value};

use super::{accounts, json};
use crate::control::told::State;

/// Keys that tell an object from others, the first ones first.
const NAMES: &[&str] = &["name", "id"];
/// Keys that tell a stream from others.
const STREAM_NAMES: &[&str] = &["kind", "guest", "scanout", "socket", "app_id"];

/// What changed; `None` when nothing did.
pub(crate) fn between(before: &State, after: &State) -> Option<Value> {
    let mut all = Map::new();
    for (what, names, before, after) in [
        ("port", NAMES, json::ports(before), json::ports(after)),
        ("layer", NAMES, json::layers(before, true), json::layers(after, true)),
        ("stream", STREAM_NAMES, json::streams(before), json::streams(after)),
        ("account", NAMES, accounts::json(&before.accounts), accounts::json(&after.accounts)),
    ] {
        let changed: Vec<Value> = after
            .iter()
            .filter_map(|new| match before.iter().find(|old| number(old) == number(new)) {
                Some(old) => difference(old, new, names),
                None => Some(marked(new, "added")),
            })
            .collect();
        let gone = before.iter().filter(|old| !after.iter().any(|new| number(new) == number(old)));
        let gone = gone.map(|old| marked(&Value::Object(named(old, names)), "removed"));
        let changed: Vec<Value> = changed.into_iter().chain(gone).collect();
        if !changed.is_empty() {
            all.insert(what.to_owned(), Value::Array(changed));
        }
    }
    let budget = accounts::budget_json(&after.accounts);
    if budget != accounts::budget_json(&before.accounts) {
        all.insert("budget".to_owned(), budget);
    }
    (!all.is_empty()).then_some(Value::Object(all))
}

/// The number that the service gave an object.
fn number(value: &Value) -> Option<&Value> {
    value.get("now").and_then(|now| now.get("id")).or_else(|| value.get("id"))
}

fn named(value: &Value, names: &[&str]) -> Map<String, Value> {
    let keys = names.iter().filter_map(|key| Some(((*key).to_owned(), value.get(*key)?.clone())));
    keys.collect()
}

fn marked(value: &Value, mark: &str) -> Value {
    let mut map = value.as_object().cloned().unwrap_or_default();
    map.insert("event".to_owned(), Value::from(mark));
    Value::Object(map)
}

/// The names of an object and its keys that are otherwise; `now` is taken key by key.
fn difference(old: &Value, new: &Value, names: &[&str]) -> Option<Value> {
    let (old_map, new_map) = (old.as_object()?, new.as_object()?);
    let mut map = Map::new();
    for (key, value) in new_map {
        let before = old_map.get(key);
        if before == Some(value) {
            continue;
        }
        let value = match (before.and_then(Value::as_object), value.as_object()) {
            (Some(before), Some(now)) => {
                let changed = now.iter().filter(|(key, value)| before.get(*key) != Some(*value));
                changed.map(|(key, value)| (key.clone(), value.clone())).collect()
            }
            _ => value.clone(),
        };
        map.insert(key.clone(), value);
    }
    // What is not there any more: a layer that shows a program has no guest.
    for key in old_map.keys().filter(|key| !new_map.contains_key(*key)) {
        if !["id", "name", "hole"].contains(&key.as_str()) {
            map.insert(key.clone(), Value::Null);
        }
    }
    if map.is_empty() {
        return None;
    }
    let mut whole = named(new, names);
    whole.append(&mut map);
    Some(Value::Object(whole))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::control::told::{Layer, Port};

    #[test]
    fn only_what_changed_is_told() {
        let mut before = State::default();
        before.ports.insert(1, Port { name: "main".into(), ..Port::default() });
        let layer = Layer { name: "app".into(), port: 1, ..Layer::default() };
        before.layers.insert(2, layer.clone());
        assert_eq!(between(&before, &before), None);
        let mut after = before.clone();
        after.layers.insert(2, Layer { order: 4, mask: [1, 1], ..layer });
        after.ports.remove(&1);
        after.ports.insert(3, Port { name: "new".into(), ..Port::default() });
        let told = between(&before, &after).unwrap();
        assert_eq!(told["port"][0]["event"], "added");
        assert_eq!(told["port"][0]["name"], "new");
        assert_eq!(told["port"][1], json!({ "event": "removed", "name": "main" }));
        // Its port is gone, so it is on none that is shown.
        assert_eq!(told["layer"], json!([{ "event": "removed", "name": "app" }]));
        let mut after = before.clone();
        after.layers.entry(2).and_modify(|layer| layer.order = 4);
        let told = between(&before, &after).unwrap();
        assert_eq!(told, json!({ "layer": [{ "name": "app", "order": 4 }] }));
    }
}
