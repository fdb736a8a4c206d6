//! Dates and times in the texts of the simulated server, in UTC.

fn format(now: f64, pattern: &str) -> String {
    let moment = jiff::Timestamp::from_second(now as i64).unwrap_or_default();
    moment.to_zoned(jiff::tz::TimeZone::UTC).strftime(pattern).to_string()
}

/// `2026-11-21 09:12:46`, in log lines.
pub fn date_time(now: f64) -> String {
    format(now, "%Y-%m-%d %H:%M:%S")
}

/// `2026-11-21`, in names of saved RAM.
pub fn date(now: f64) -> String {
    format(now, "%Y-%m-%d")
}

/// `2026_11_21-09_12_46`, in names of backups.
pub fn file(now: f64) -> String {
    format(now, "%Y_%m_%d-%H_%M_%S")
}

/// `2026-11-21T09:12:46Z`, in names of backups on a Backup Server.
pub fn utc(now: f64) -> String {
    format(now, "%Y-%m-%dT%H:%M:%SZ")
}

/// `Sat Nov 21 09:12:47 2026`, as C programs print it.
pub fn c_time(now: f64) -> String {
    format(now, "%a %b %e %H:%M:%S %Y")
}

/// `00:01:19` of a number of seconds.
pub fn duration(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64;
    format!("{:02}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_moments() {
        let now = 1_795_252_366.0;
        assert_eq!(date_time(now), "2026-11-21 09:12:46");
        assert_eq!(file(now), "2026_11_21-09_12_46");
        assert_eq!(c_time(now), "Sat Nov 21 09:12:46 2026");
        assert_eq!(duration(3679.4), "01:01:19");
    }
}
