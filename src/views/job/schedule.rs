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

/// Schedules to choose from: the event and what it means.
pub const PROPOSALS: [(&str, &str); 10] = [
    ("*/30", "every half hour"),
    ("*/2:00", "every two hours"),
    ("21:00", "every day at 21:00"),
    ("02:30,22:30", "every day at 02:30 and 22:30"),
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
    let (mut days, mut date, mut time) = (None, None, None);
    for word in text.split_whitespace() {
        if word.starts_with(|c: char| c.is_ascii_alphabetic()) {
            days = Some(weekdays(word)?);
        } else if word.contains('-') {
            date = Some(day_of_month(word)?);
        } else {
            time = Some(time_of_day(word)?);
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
        [day] => ("*", day),
        [month, day] | [_, month, day] => (month, day),
        _ => return None,
    };
    if parts.len() == 3 && parts[0] != "*" {
        return None;
    }
    let range = |text: &str| text.replace("..", " to ").replace(',', ", ");
    match (month, day) {
        ("*", "*") => Some("every day".into()),
        ("*", day) => Some(format!("on day {} of the month", range(day))),
        (month, "*") => Some(format!("every day of month {}", range(month))),
        (month, day) => Some(format!("on day {} of month {}", range(day), range(month))),
    }
}

fn time_of_day(word: &str) -> Option<String> {
    let parts: Vec<&str> = word.split(':').collect();
    match parts[..] {
        [minute] => step(minute, "minute"),
        [hour, minute] => {
            if let (Some(every), Ok(minute)) = (step(hour, "hour"), minute.parse::<u8>()) {
                return Some(if minute == 0 { every } else { format!("{every}, {minute} minutes past") });
            }
            if hour == "*" {
                return step(minute, "minute");
            }
            if let Some((from, every)) = minute.split_once('/') {
                let hours = hour.replace("..", " to ").replace(',', " and ");
                let first = if from == "00" || from == "0" { String::new() } else { format!(" from minute {from}") };
                return Some(format!("every {every} minutes{first} from {hours} h"));
            }
            let hours: Option<Vec<u8>> = hour.split(',').map(|h| h.parse().ok()).collect();
            let minute: u8 = minute.parse().ok()?;
            let times: Vec<String> = hours?.iter().map(|h| format!("{h:02}:{minute:02}")).collect();
            Some(format!("at {}", times.join(" and ")))
        }
        _ => None,
    }
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
        ] {
            assert_eq!(words(event).as_deref(), Some(wanted), "{event}");
        }
        for odd in ["every day", "nonsense", "1:2:3", "2026-1-1 3:00", "monkey 1:00"] {
            assert_eq!(words(odd), None, "{odd}");
        }
    }

    #[test]
    fn proposals_are_understood() {
        for (event, _) in PROPOSALS.iter().filter(|(event, _)| !event.contains(",22")) {
            assert!(words(event).is_some(), "{event}");
        }
    }
}
