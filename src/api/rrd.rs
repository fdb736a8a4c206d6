//! The history of a guest, node or storage: averages that the server keeps for a year or ten.

use std::fmt;

use compact_str::CompactString;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};

use super::{json::Lenient, request::Request};

/// How far back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Timeframe {
    /// One point a minute.
    #[default]
    Hour,
    /// One point a minute.
    Day,
    /// One point in half an hour.
    Week,
    /// One point in half an hour.
    Month,
    /// One point in six hours.
    Year,
    /// One point a week; only nodes know it.
    Decade,
}

impl Timeframe {
    /// The next longer one, and after a year the hour again.
    pub fn next(self) -> Self {
        match self {
            Self::Hour => Self::Day,
            Self::Day => Self::Week,
            Self::Week => Self::Month,
            Self::Month => Self::Year,
            Self::Year | Self::Decade => Self::Hour,
        }
    }

    /// The API's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
            Self::Decade => "decade",
        }
    }
}

/// What a point stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Consolidation {
    /// The average over its time.
    #[default]
    Average,
    /// The peak in its time.
    Max,
}

impl Consolidation {
    /// The API's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Average => "AVERAGE",
            Self::Max => "MAX",
        }
    }
}

/// The history at `{path}/rrddata`.
pub(crate) fn data(path: String, timeframe: Timeframe, of: Consolidation) -> Request<Vec<Point>> {
    Request::get(path).param("timeframe", timeframe.as_str()).param("cf", of.as_str())
}

/// One point of a history. Samples that were not taken are missing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Point {
    /// Unix seconds.
    pub time: u64,
    /// Name and value, for example `cpu` (fraction), `mem` (bytes), `netin` (bytes per second).
    pub values: Vec<(CompactString, f64)>,
}

impl Point {
    /// The value of a name.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.values.iter().find(|(key, _)| key == name).map(|(_, value)| *value)
    }
}

impl<'de> Deserialize<'de> for Point {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Values;
        impl<'de> Visitor<'de> for Values {
            type Value = Point;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a point of a history")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Point, A::Error> {
                let mut point = Point::default();
                while let Some((key, Lenient(value))) = map.next_entry::<CompactString, Lenient<Option<f64>>>()? {
                    match value {
                        Some(value) if key == "time" => point.time = value as u64,
                        Some(value) => point.values.push((key, value)),
                        None => {}
                    }
                }
                Ok(point)
            }
        }
        deserializer.deserialize_map(Values)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn missing_samples_are_missing() {
        let points = data("/x".into(), Timeframe::Hour, Consolidation::Average)
            .decode(br#"{"data":[{"time":60},{"cpu":"0.5","time":120,"mem":null,"odd":"x"}]}"#)
            .unwrap();
        assert_eq!(points[0], Point { time: 60, values: vec![] });
        assert_eq!((points[1].time, points[1].get("cpu"), points[1].get("mem")), (120, Some(0.5), None));
    }
}
