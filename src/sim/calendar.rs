//! Calendar events of backup jobs and other schedules: `mon..fri 02:30`, `*/15`, `daily`.

use jiff::civil::{Date, DateTime, Weekday};

/// Values of one field: single ones, ranges and steps.
type Set = Vec<i16>;

/// A parsed calendar event.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    weekdays: Set,
    years: Option<Set>,
    months: Option<Set>,
    days: Option<Set>,
    hours: Set,
    minutes: Set,
    seconds: Set,
}

const NAMES: &[(&str, &str)] = &[
    ("minutely", "*-*-* *:*:00"),
    ("hourly", "*-*-* *:00:00"),
    ("daily", "*-*-* 00:00:00"),
    ("weekly", "mon *-*-* 00:00:00"),
    ("monthly", "*-*-01 00:00:00"),
    ("yearly", "*-01-01 00:00:00"),
    ("annually", "*-01-01 00:00:00"),
    ("quarterly", "*-01,04,07,10-01 00:00:00"),
    ("semiannually", "*-01,07-01 00:00:00"),
    ("semi-annually", "*-01,07-01 00:00:00"),
];
const DAYS: [(&str, &str); 7] = [
    ("mon", "monday"),
    ("tue", "tuesday"),
    ("wed", "wednesday"),
    ("thu", "thursday"),
    ("fri", "friday"),
    ("sat", "saturday"),
    ("sun", "sunday"),
];

impl Event {
    /// Reads an event; the error is the server's text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim().to_ascii_lowercase();
        let text = NAMES.iter().find(|(name, _)| *name == text).map_or(text.as_str(), |(_, full)| *full);
        let bad = |word: &str, what: &str| format!("unable to parse calendar event at '{word}' - Context(\"{what}\")");
        let mut event = Event {
            weekdays: Vec::new(),
            years: None,
            months: None,
            days: None,
            hours: vec![0],
            minutes: vec![0],
            seconds: vec![0],
        };
        if text.is_empty() {
            return Err("unable to parse calendar event - event is empty".into());
        }
        for word in text.split_whitespace() {
            if word.starts_with(|c: char| c.is_ascii_alphabetic()) {
                event.weekdays = weekdays(word).ok_or_else(|| bad(word, "weekday"))?;
            } else if word.contains('-') {
                let parts: Vec<&str> = word.rsplit('-').collect();
                let get = |i: usize, low, high| match parts.get(i) {
                    None | Some(&"*") => Some(None),
                    Some(part) => set(part, low, high).map(Some),
                };
                let (Some(days), Some(months), Some(years)) = (get(0, 1, 31), get(1, 1, 12), get(2, 1970, 2999)) else {
                    return Err(bad(word, "date"));
                };
                (event.days, event.months, event.years) = (days, months, years);
            } else {
                let parts: Vec<&str> = word.split(':').collect();
                let read = |part: &str, high| set(part, 0, high).ok_or_else(|| bad(word, "time"));
                match parts.as_slice() {
                    [minute] => (event.hours, event.minutes) = (read("*", 23)?, read(minute, 59)?),
                    [hour, minute] => (event.hours, event.minutes) = (read(hour, 23)?, read(minute, 59)?),
                    [hour, minute, second] => {
                        (event.hours, event.minutes) = (read(hour, 23)?, read(minute, 59)?);
                        event.seconds = read(second, 59)?;
                    }
                    _ => return Err(bad(word, "time")),
                }
            }
        }
        Ok(event)
    }

    /// The first moment after `after` (seconds since the epoch, UTC).
    pub fn next(&self, after: i64) -> Option<i64> {
        let start = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
        let now = start.checked_add(jiff::SignedDuration::from_secs(after + 1)).ok()?;
        let mut date: Date = now.date();
        let mut from = (i16::from(now.hour()), i16::from(now.minute()), i16::from(now.second()));
        for _ in 0..(366 * 9) {
            if self.on(date) {
                for hour in self.hours.iter().filter(|h| **h >= from.0) {
                    for minute in &self.minutes {
                        for second in &self.seconds {
                            if (*hour, *minute, *second) >= from {
                                let seconds = i64::from(*hour) * 3600 + i64::from(*minute) * 60 + i64::from(*second);
                                let days = date.since(start.date()).ok()?.get_days();
                                return Some(i64::from(days) * 86400 + seconds);
                            }
                        }
                    }
                }
            }
            from = (0, 0, 0);
            date = date.tomorrow().ok()?;
        }
        None
    }

    fn on(&self, date: Date) -> bool {
        let weekday = match date.weekday() {
            Weekday::Monday => 0,
            Weekday::Tuesday => 1,
            Weekday::Wednesday => 2,
            Weekday::Thursday => 3,
            Weekday::Friday => 4,
            Weekday::Saturday => 5,
            Weekday::Sunday => 6,
        };
        let has = |set: &Option<Set>, value: i16| set.as_ref().is_none_or(|s| s.contains(&value));
        (self.weekdays.is_empty() || self.weekdays.contains(&weekday))
            && has(&self.years, date.year())
            && has(&self.months, date.month().into())
            && has(&self.days, date.day().into())
    }
}

fn weekdays(word: &str) -> Option<Set> {
    let day = |name: &str| DAYS.iter().position(|(short, long)| name == *short || name == *long).map(|i| i as i16);
    let mut out = Vec::new();
    for part in word.split(',') {
        match part.split_once("..") {
            Some((a, b)) => {
                let (a, b) = (day(a)?, day(b)?);
                out.extend((0..7).map(|i| (a + i) % 7).take_while(|d| *d != (b + 1) % 7));
            }
            None => out.push(day(part)?),
        }
    }
    Some(out)
}

fn set(text: &str, low: i16, high: i16) -> Option<Set> {
    let mut out = Vec::new();
    for part in text.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(step.parse::<i16>().ok().filter(|s| *s > 0)?)),
            None => (part, None),
        };
        let (a, b) = match range.split_once("..") {
            Some((a, b)) => (a.parse().ok()?, b.parse().ok()?),
            None if range == "*" => (low, high),
            None => {
                let a = range.parse().ok()?;
                (a, if step.is_some() { high } else { a })
            }
        };
        if a < low || b > high {
            return None;
        }
        out.extend((a..=b).step_by(step.unwrap_or(1) as usize));
    }
    out.sort_unstable();
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_runs() {
        // 2026-11-21 is a Saturday
        let event = Event::parse("mon..fri 02:30").unwrap_or_else(|e| panic!("{e}"));
        let first = event.next(1_795_252_500);
        assert_eq!(first, Some(1_795_401_000));
        assert_eq!(event.next(1_795_401_000), Some(1_795_487_400));
        let step = Event::parse("*/15").unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(step.next(0), Some(900));
        assert!(Event::parse("saturday 03:00").is_ok());
        assert!(Event::parse("satx 03:00").is_err_and(|e| e.contains("Context(\"weekday\")")));
        assert!(Event::parse("every day").is_err_and(|e| e.contains("Context(\"weekday\")")));
    }
}
