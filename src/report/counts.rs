//! Counts as they are serialised: what is not known is `null`, never 0.

use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::model::Counts;
use crate::analysis::quantity;
use crate::analysis::{Counted, Known};

/// The key of the arithmetic of a backward pass, of which the quantities name no part.
const BACKWARD: &str = "work_backward";

pub(super) fn serialize<S: Serializer>(counts: &Counts, serializer: S) -> Result<S::Ok, S::Error> {
    if counts.known == Known::ALL {
        return counts.serialize(serializer);
    }
    let mut value = serde_json::to_value(counts).map_err(S::Error::custom)?;
    for (path, counted) in paths() {
        if let Some(number) = value.pointer_mut(&path).filter(|_| !counts.known.has(counted)) {
            *number = Value::Null;
        }
    }
    if !counts.known.has(Counted::Backward) {
        nullify(&mut value[BACKWARD]);
    }
    value.serialize(serializer)
}

pub(super) fn deserialize<'d, D: Deserializer<'d>>(deserializer: D) -> Result<Counts, D::Error> {
    let mut value = Value::Object(Map::deserialize(deserializer)?);
    let mut known = Known::ALL;
    for (path, counted) in paths() {
        if let Some(number) = value.pointer_mut(&path).filter(|number| number.is_null()) {
            *number = 0.into();
            known = known.without(counted);
        }
    }
    if let Some(backward) = value.get_mut(BACKWARD)
        && has_null(backward)
    {
        *backward = Value::Object(Map::new());
        known = known.without(Counted::Backward);
    }
    let counts = Counts::deserialize(value).map_err(D::Error::custom)?;
    Ok(Counts { known, ..counts })
}

/// Where each serialised quantity stands, as a pointer into JSON.
fn paths() -> impl Iterator<Item = (String, Counted)> {
    let path = |quantity: &&quantity::Quantity| {
        Some((format!("/{}", quantity.json?.replace('.', "/")), quantity.counted))
    };
    quantity::ALL.iter().filter_map(path)
}

/// Makes `null` of every number.
fn nullify(value: &mut Value) {
    match value {
        Value::Object(entries) => entries.values_mut().for_each(nullify),
        number => *number = Value::Null,
    }
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Object(entries) => entries.values().any(has_null),
        value => value.is_null(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_null_and_read_back() {
        let known = Known::ALL.without(Counted::Work).without(Counted::Backward);
        let counts = Counts { params: 3, known, ..Counts::default() };
        let value = serialize(&counts, serde_json::value::Serializer).unwrap();
        assert_eq!((&value["params"], &value["work"]["macs"]), (&3.into(), &Value::Null));
        assert_eq!(value["work_backward"]["inputs"]["adds"], Value::Null);
        assert_eq!(value["flops"], 0);
        assert_eq!(deserialize(value).unwrap(), counts);
    }
}
