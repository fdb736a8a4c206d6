//! Forgiving readers for JSON written by Perl, where `1`, `"1"` and `true` mean the same.
//!
//! They go straight from the parser to the field, without a value in between. A field of an unexpected type becomes its
//! default, so that one odd field never costs the whole list:
//! `#[serde(default, deserialize_with = "json::loose")]`.

use std::{fmt, marker::PhantomData};

use compact_str::CompactString;
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};

/// A value that can be told from a JSON scalar. `None` means "this is not one".
pub trait Scalar: Sized {
    /// From text, which may hold a number or a truth value.
    fn from_text(text: &str) -> Option<Self>;

    /// From a number without a fraction.
    fn from_int(number: i64) -> Option<Self>;

    /// From a number with a fraction, or one too large for [`Scalar::from_int`].
    fn from_float(number: f64) -> Option<Self>;

    /// From a truth value.
    fn from_bool(truth: bool) -> Option<Self> {
        Self::from_int(i64::from(truth))
    }
}

impl Scalar for bool {
    fn from_text(text: &str) -> Option<Self> {
        match text {
            "1" | "true" | "on" | "yes" => Some(true),
            "0" | "false" | "off" | "no" | "" => Some(false),
            _ => None,
        }
    }

    fn from_int(number: i64) -> Option<Self> {
        Some(number != 0)
    }

    fn from_float(number: f64) -> Option<Self> {
        Some(number != 0.0)
    }
}

impl Scalar for f64 {
    fn from_text(text: &str) -> Option<Self> {
        text.trim().parse().ok().filter(|n: &f64| n.is_finite())
    }

    fn from_int(number: i64) -> Option<Self> {
        Some(number as f64)
    }

    fn from_float(number: f64) -> Option<Self> {
        Some(number)
    }
}

impl Scalar for f32 {
    fn from_text(text: &str) -> Option<Self> {
        f64::from_text(text).map(|n| n as f32)
    }

    fn from_int(number: i64) -> Option<Self> {
        Some(number as f32)
    }

    fn from_float(number: f64) -> Option<Self> {
        Some(number as f32)
    }
}

impl Scalar for i64 {
    fn from_text(text: &str) -> Option<Self> {
        let text = text.trim();
        text.parse().ok().or_else(|| f64::from_text(text).and_then(Self::from_float))
    }

    fn from_int(number: i64) -> Option<Self> {
        Some(number)
    }

    fn from_float(number: f64) -> Option<Self> {
        (number.abs() < 9.2e18).then_some(number as i64)
    }
}

impl Scalar for u64 {
    fn from_text(text: &str) -> Option<Self> {
        let text = text.trim();
        text.parse().ok().or_else(|| f64::from_text(text).and_then(Self::from_float))
    }

    fn from_int(number: i64) -> Option<Self> {
        number.try_into().ok()
    }

    fn from_float(number: f64) -> Option<Self> {
        (0.0..1.8e19).contains(&number).then_some(number as u64)
    }
}

impl Scalar for u32 {
    fn from_text(text: &str) -> Option<Self> {
        u64::from_text(text)?.try_into().ok()
    }

    fn from_int(number: i64) -> Option<Self> {
        number.try_into().ok()
    }

    fn from_float(number: f64) -> Option<Self> {
        u64::from_float(number)?.try_into().ok()
    }
}

impl Scalar for CompactString {
    fn from_text(text: &str) -> Option<Self> {
        Some(text.into())
    }

    fn from_int(number: i64) -> Option<Self> {
        Some(compact_str::format_compact!("{number}"))
    }

    fn from_float(number: f64) -> Option<Self> {
        Some(compact_str::format_compact!("{number}"))
    }
}

impl Scalar for String {
    fn from_text(text: &str) -> Option<Self> {
        Some(text.into())
    }

    fn from_int(number: i64) -> Option<Self> {
        Some(number.to_string())
    }

    fn from_float(number: f64) -> Option<Self> {
        Some(number.to_string())
    }
}

impl<T: Scalar> Scalar for Option<T> {
    fn from_text(text: &str) -> Option<Self> {
        T::from_text(text).map(Some)
    }

    fn from_int(number: i64) -> Option<Self> {
        T::from_int(number).map(Some)
    }

    fn from_float(number: f64) -> Option<Self> {
        T::from_float(number).map(Some)
    }

    fn from_bool(truth: bool) -> Option<Self> {
        T::from_bool(truth).map(Some)
    }
}

struct Loose<T>(PhantomData<T>);

impl<'de, T: Scalar + Default> Visitor<'de> for Loose<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_bool<E>(self, truth: bool) -> Result<T, E> {
        Ok(T::from_bool(truth).unwrap_or_default())
    }

    fn visit_i64<E>(self, number: i64) -> Result<T, E> {
        Ok(T::from_int(number).unwrap_or_default())
    }

    fn visit_u64<E>(self, number: u64) -> Result<T, E> {
        Ok(match i64::try_from(number) {
            Ok(number) => T::from_int(number),
            Err(_) => T::from_float(number as f64),
        }
        .unwrap_or_default())
    }

    fn visit_f64<E>(self, number: f64) -> Result<T, E> {
        Ok(T::from_float(number).unwrap_or_default())
    }

    fn visit_str<E>(self, text: &str) -> Result<T, E> {
        Ok(T::from_text(text).unwrap_or_default())
    }

    fn visit_unit<E>(self) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_none<E>(self) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<T, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(T::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(T::default())
    }
}

/// Reads a boolean, number or text from whatever the server wrote; the default (often `None`) for anything else.
///
/// # Errors
/// Only those of the parser: broken JSON.
pub fn loose<'de, D: Deserializer<'de>, T: Scalar + Default>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_any(Loose(PhantomData))
}

/// A value read by [`loose`], for places where no field attribute can stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lenient<T>(pub T);

impl<'de, T: Scalar + Default> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        loose(deserializer).map(Self)
    }
}

/// Splits list text as the server does: at commas, semicolons, white space and NUL.
pub fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| matches!(c, ',' | ';' | '\0') || c.is_whitespace()).filter(|part| !part.is_empty())
}

struct List;

impl<'de> Visitor<'de> for List {
    type Value = Vec<CompactString>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(vec![])
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(CompactString::from_int(number).into_iter().collect())
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(vec![compact_str::format_compact!("{number}")])
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(vec![])
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(split(text).map(CompactString::from).collect())
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(vec![])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut list = vec![];
        while let Some(Lenient(item)) = seq.next_element::<Lenient<Option<CompactString>>>()? {
            list.extend(item);
        }
        Ok(list)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(vec![])
    }
}

/// Reads `"a,b;c"`, `["a","b"]` or a single number as a list of texts; anything else is an empty list.
///
/// # Errors
/// Only those of the parser: broken JSON.
pub fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<CompactString>, D::Error> {
    deserializer.deserialize_any(List)
}

struct Object<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de> + Default> Visitor<'de> for Object<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_bool<E>(self, _: bool) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_str<E>(self, _: &str) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_unit<E>(self) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<T, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(T::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}

/// Reads a nested object; the default when something else stands there.
///
/// # Errors
/// Those of the parser and of the object's own fields.
pub fn object<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_any(Object(PhantomData))
}

/// What an object holds, in the order of the answer, with every value as text. Nested values are left out.
///
/// # Errors
/// Only those of the parser: broken JSON.
pub fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(CompactString, String)>, D::Error> {
    struct Texts;
    impl<'de> Visitor<'de> for Texts {
        type Value = Vec<(CompactString, String)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut entries = vec![];
            while let Some((key, Lenient(value))) = map.next_entry::<CompactString, Lenient<Option<String>>>()? {
                entries.extend(value.map(|value| (key, value)));
            }
            Ok(entries)
        }
    }
    deserializer.deserialize_map(Texts)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct Inner {
        #[serde(deserialize_with = "loose")]
        managed: bool,
    }

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct Row {
        #[serde(deserialize_with = "loose")]
        on: bool,
        #[serde(deserialize_with = "loose")]
        size: u64,
        #[serde(deserialize_with = "loose")]
        load: Option<f64>,
        #[serde(deserialize_with = "loose")]
        name: Option<CompactString>,
        #[serde(deserialize_with = "list")]
        tags: Vec<CompactString>,
        #[serde(deserialize_with = "object")]
        ha: Inner,
    }

    fn row(text: &str) -> Row {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn the_same_in_many_spellings() {
        let all = Row {
            on: true,
            size: 512,
            load: Some(0.5),
            name: Some("7".into()),
            tags: vec!["a".into(), "b".into()],
            ha: Inner { managed: true },
        };
        for text in [
            r#"{"on":1,"size":512,"load":0.5,"name":"7","tags":"a;b","ha":{"managed":1}}"#,
            r#"{"on":"1","size":"512","load":"0.5","name":7,"tags":"a, b","ha":{"managed":"1"}}"#,
            r#"{"on":true,"size":512.0,"load":0.5,"name":"7","tags":["a","b",null],"ha":{"managed":true,"x":[1]}}"#,
        ] {
            assert_eq!(row(text), all, "{text}");
        }
    }

    #[test]
    fn odd_fields_become_defaults() {
        for text in [
            "{}",
            r#"{"on":null,"size":null,"load":null,"name":null,"tags":null,"ha":null}"#,
            r#"{"on":"maybe","size":-5,"load":"high","name":[1,{"a":2}],"tags":{"a":[1]},"ha":[{}]}"#,
            r#"{"on":[],"size":{"a":{}},"load":[[]],"name":{"x":1},"tags":false,"ha":"none"}"#,
        ] {
            assert_eq!(row(text), Row::default(), "{text}");
        }
        assert_eq!(row(r#"{"size":1e30,"load":1e999999}"#.replace("1e999999", "\"inf\"").as_str()), Row::default());
        assert_eq!(row(r#"{"size":18446744073709551615}"#).size, 0, "larger than anything the server counts");
    }
}
