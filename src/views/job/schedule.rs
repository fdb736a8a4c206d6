//! Calendar events in words. What is not understood here is shown as it is: only the server decides what a schedule is.

const DAYS: [(&str, &str); 7] = [
    ("mon", "Monday"),
    ("tue", "Tuesday"),
    ("wed", "Wednesday"),
    ("thu", "Thursday"),
    ("fri", "Friday"),
    ("sat", "Saturday"),
    ("sun", "Sunday"),
];

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Schedules to choose from: the event and what it means.
pub const PROPOSALS: [(&str, &str); 10] = [
    ("*/30", "every half hour"),
    ("*/2:00", "every two hours"),
    ("21:00", "every day at 21:00"),
    ("2,22:30", "every day at 02:30 and 22:30"),
    ("mon..fri 00:00", "Monday to Friday at 00:00"),
    ("mon..fri */1:00", "Monday to Friday, every hour"),
    ("mon..fri 7..18:00/15", "Monday to Friday from 7 to 18 h, every quarter"),
    ("sun 01:00", "Sundays at 01:00"),
    ("monthly", "on the first of the month at 00:00"),
    ("sat *-1..7 15:00", "first Saturday of the month at 15:00"),
];

/// `mon..fri 02:30` as "Monday to Friday at 02:30"; `None` for what only the server can read.
pub fn words(schedule: &str) -> Option<String> {
    let text = schedule.trim().to_ascii_lowercase();
    let named = match text.as_str() {
        "minutely" => "every minute",
        "hourly" => "every hour",
        "daily" => "every day at 00:00",
        "weekly" => "Mondays at 00:00",
        "monthly" => "on the first of the month at 00:00",
        "yearly" | "annually" => "on January 1 at 00:00",
        "quarterly" => "on the first day of each quarter at 00:00",
        "semiannually" | "semi-annually" => "on January 1 and July 1 at 00:00",
        _ => "",
    };
    if !named.is_empty() {
        return Some(named.into());
    }
    if text.is_empty() {
        return None;
    }
    let (mut days, mut date, mut time) = (None, None, None);
    for word in text.split_whitespace() {
        if word.starts_with(|c: char| c.is_ascii_alphabetic()) {
            days = fresh(days, weekdays(word)?)?;
        } else if word.contains('-') {
            date = fresh(date, day_of_month(word)?)?;
        } else {
            time = fresh(time, time_of_day(word)?)?;
        }
    }
    let every = time.as_ref().is_some_and(|t| t.starts_with("every"));
    let time = time.unwrap_or_else(|| "at 00:00".into());
    Some(match (days, date) {
        (None, None) if every => time,
        (None, None) => format!("every day {time}"),
        (Some(days), None) if every => format!("{days}, {time}"),
        (Some(days), None) => format!("{days} {time}"),
        (None, Some(date)) => format!("{date}, {time}"),
        (Some(days), Some(date)) => format!("{days}, {date}, {time}"),
    })
}

/// A part may stand in an event once only.
fn fresh(known: Option<String>, words: String) -> Option<Option<String>> {
    known.is_none().then_some(Some(words))
}

fn day(name: &str) -> Option<&'static str> {
    let short = name.get(..3)?;
    DAYS.iter().find(|(key, full)| *key == short && full.to_ascii_lowercase().starts_with(name)).map(|(_, full)| *full)
}

fn weekdays(word: &str) -> Option<String> {
    let part = |part: &str| match part.split_once("..") {
        Some((from, to)) => Some(format!("{} to {}", day(from)?, day(to)?)),
        None => Some(format!("{}s", day(part)?)),
    };
    let parts: Option<Vec<String>> = word.split(',').map(part).collect();
    Some(parts?.join(", "))
}

fn day_of_month(word: &str) -> Option<String> {
    let parts: Vec<&str> = word.split('-').collect();
    let (month, day) = match parts[..] {
        [month, day] | ["*", month, day] => (month, day),
        _ => return None,
    };
    if !word.bytes().all(|b| b.is_ascii_digit() || b"*-.,".contains(&b)) {
        return None;
    }
    let range = |text: &str| text.replace("..", " to ").replace(',', " and ");
    let named = month.parse::<usize>().ok().map(|n| MONTHS.get(n.wrapping_sub(1)));
    match (month, day, named) {
        ("*", "*", _) => Some("every day".into()),
        ("*", day, _) => Some(format!("on day {} of the month", range(day))),
        (.., Some(None)) => None,
        (_, "*", Some(Some(name))) => Some(format!("every day in {name}")),
        (_, day, Some(Some(name))) => Some(format!("on {name} {}", range(day))),
        (month, "*", None) => Some(format!("every day of the months {}", range(month))),
        (month, day, None) => Some(format!("on day {} of the months {}", range(day), range(month))),
    }
}

/// `7`, `07`: a number below `limit`.
fn number(text: &str, limit: u8) -> Option<u8> {
    text.parse().ok().filter(|n| *n < limit)
}

fn time_of_day(word: &str) -> Option<String> {
    let parts: Vec<&str> = word.split(':').collect();
    let (hour, minute) = match parts[..] {
        [minute] => ("*", minute),
        [hour, minute] | [hour, minute, "0" | "00"] => (hour, minute),
        _ => return None,
    };
    if hour == "*" {
        return step(minute, "minute");
    }
    if let Some(every) = step(hour, "hour") {
        return match number(minute, 60)? {
            0 => Some(every),
            minute => Some(format!("{every}, {minute} minutes past")),
        };
    }
    if let Some((from, every)) = minute.split_once('/') {
        let every = number(every, 60)?;
        let first = match from {
            "0" | "00" | "*" => String::new(),
            from => format!(" from minute {}", number(from, 60)?),
        };
        let hours = hour.replace("..", " to ").replace(',', " and ");
        return Some(format!("every {every} minutes{first} from {hours} h"));
    }
    if let Some((from, to)) = hour.split_once("..") {
        let minute = number(minute, 60)?;
        let (from, to) = (number(from, 24)?, number(to, 24)?);
        return Some(format!("every hour from {from:02}:{minute:02} to {to:02}:{minute:02}"));
    }
    let list = |text: &str, limit| text.split(',').map(|n| number(n, limit)).collect::<Option<Vec<u8>>>();
    let (hours, minutes) = (list(hour, 24)?, list(minute, 60)?);
    let times: Vec<String> = hours.iter().flat_map(|h| minutes.iter().map(move |m| format!("{h:02}:{m:02}"))).collect();
    // More would be harder to read than the event.
    (times.len() <= 6).then(|| format!("at {}", times.join(" and ")))
}

/// `*/15` and `2/4`, in a unit.
fn step(text: &str, unit: &str) -> Option<String> {
    match text.split_once('/') {
        Some((from, every)) => {
            let every: u8 = every.parse().ok()?;
            let words = if every == 1 { format!("every {unit}") } else { format!("every {every} {unit}s") };
            match from {
                "*" | "0" | "00" => Some(words),
                from => from.parse::<u8>().ok().map(|from| format!("{words} from {unit} {from}")),
            }
        }
        None if text == "*" => Some(format!("every {unit}")),
        None if unit == "minute" => text.parse::<u8>().ok().map(|minute| format!("every hour, {minute} minutes past")),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_in_words() {
        for (event, wanted) in [
            ("02:30", "every day at 02:30"),
            ("sun 01:00", "Sundays at 01:00"),
            ("mon..fri 2:30", "Monday to Friday at 02:30"),
            ("sat,sun 01:00", "Saturdays, Sundays at 01:00"),
            ("*/15", "every 15 minutes"),
            ("*/6:00", "every 6 hours"),
            ("2/4:00", "every 4 hours from hour 2"),
            ("*:00/30", "every 30 minutes"),
            ("daily", "every day at 00:00"),
            ("*-*-01 03:00", "on day 01 of the month, at 03:00"),
            ("sat *-1..7 15:00", "Saturdays, on day 1 to 7 of the month, at 15:00"),
            ("mon..fri 7..18:00/15", "Monday to Friday, every 15 minutes from 7 to 18 h"),
            ("mon", "Mondays at 00:00"),
            ("Monday 4:00", "Mondays at 04:00"),
            ("*:0/15", "every 15 minutes"),
            ("*:30", "every hour, 30 minutes past"),
            ("*:*", "every minute"),
            ("2,22:30", "every day at 02:30 and 22:30"),
            ("12:05,35", "every day at 12:05 and 12:35"),
            ("02:30:00", "every day at 02:30"),
            ("mon,wed..fri 1:00", "Mondays, Wednesday to Friday at 01:00"),
            ("mon..fri 8..17:00", "Monday to Friday, every hour from 08:00 to 17:00"),
            ("fri 12..13:5/20", "Fridays, every 20 minutes from minute 5 from 12 to 13 h"),
            ("12-24 18:00", "on December 24, at 18:00"),
            ("*-*-1,15 3:00", "on day 1 and 15 of the month, at 03:00"),
            ("monthly", "on the first of the month at 00:00"),
            ("*/2:30", "every 2 hours, 30 minutes past"),
        ] {
            assert_eq!(words(event).as_deref(), Some(wanted), "{event}");
        }
        for odd in [
            "every day",
            "nonsense",
            "1:2:3",
            "2026-1-1 3:00",
            "monkey 1:00",
            "02:30,22:30",
            "mon tue 3:00",
            "99:00",
            "3:77",
            "13-1 3:00",
            "*-*-1/2 3:00",
            "03:00 utc",
            "1,2,3,4:0,15",
            "",
        ] {
            assert_eq!(words(odd), None, "{odd}");
        }
    }

    #[test]
    fn proposals_are_understood() {
        for (event, _) in PROPOSALS {
            assert!(words(event).is_some(), "{event}");
        }
    }
}
