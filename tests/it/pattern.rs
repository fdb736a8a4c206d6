//! Regular expressions as the official description of the API uses them, matched against the whole text.

use regex_lite::Regex;

/// Reads an expression of Perl's: flags are written `(?^i:`, a number of times may lack its lower end, `\0` is a zero
/// byte, and an atomic group `(?>` allows what a plain one does as long as the whole text has to fit.
pub fn compile(pattern: &str) -> Result<Regex, String> {
    let mut ours = pattern.replace("(?^u:", "(?^:").replace("(?^:", "(?-i:").replace("(?^", "(?");
    for (perl, other) in [("(?>", "(?:"), ("{,", "{0,"), ("\\0", "\\x00")] {
        ours = ours.replace(perl, other);
    }
    Regex::new(&format!("^(?:{ours})$")).map_err(|e| format!("{pattern}: {e}"))
}

#[test]
fn patterns() {
    for (pattern, good, bad) in [
        (r"\d+[MG]?", vec!["5", "12G"], vec!["", "G", "5K", "5GG"]),
        (r"(ide|sata|scsi|virtio)\d+", vec!["ide0", "virtio15"], vec!["ide", "xide0", "net0"]),
        (r"(?^:\d+(?:-\d+)?(?:;\d+(?:-\d+)?)*)", vec!["1", "10;20-30"], vec!["10;", "a"]),
        (r"(?:[a-fA-F0-9]{8}(?:-[a-fA-F0-9]{4}){3}-[a-fA-F0-9]{12}|[01])", vec!["1"], vec!["2", "10"]),
        (r"[A-Za-z0-9\-_\s]{,16}", vec!["", "a b-c_"], vec!["a.b", "01234567890123456"]),
        (r"(/dev/[^,]+|socket)", vec!["socket", "/dev/x"], vec!["/dev/", "/dev/a,b"]),
        (r"(?^:^(0x)[0-9a-fA-F]{16})", vec!["0x0123456789abcdef"], vec!["0x01"]),
        (r"[^\x00-\x08\x0a-\x1F\x7F]+", vec!["a\tb"], vec!["a\nb"]),
    ] {
        let parsed = compile(pattern).expect(pattern);
        good.iter().for_each(|text| assert!(parsed.is_match(text), "{pattern} should fit {text:?}"));
        bad.iter().for_each(|text| assert!(!parsed.is_match(text), "{pattern} should not fit {text:?}"));
    }
}
