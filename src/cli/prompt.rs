//! Questions on the terminal, before there is a screen.

use std::io::{IsTerminal, Write};

use anyhow::{Context, Result, bail};
use crossterm::{
    event::{self, Event, KeyCode, KeyEventKind, KeyModifiers},
    terminal,
};
use secrecy::{
    ExposeSecret, SecretString,
    zeroize::{Zeroize, Zeroizing},
};

/// Gives the terminal back whatever happens.
struct Raw;

impl Drop for Raw {
    fn drop(&mut self) {
        let _ = terminal::disable_raw_mode();
        eprintln!();
    }
}

/// Asks for a secret; nothing of it is shown. Without a terminal the first line of standard input is taken.
///
/// # Errors
/// When the user gives up, or there is no input.
pub fn secret(question: &str) -> Result<SecretString> {
    if !std::io::stdin().is_terminal() {
        let mut line = Zeroizing::new(String::with_capacity(1024));
        std::io::stdin().read_line(&mut line).context("can't read standard input")?;
        let secret = SecretString::from(line.trim_end_matches(['\r', '\n']));
        if secret.expose_secret().is_empty() {
            bail!("{question}: standard input is empty");
        }
        return Ok(secret);
    }
    eprint!("{question}: ");
    std::io::stderr().flush().context("the terminal can't be used")?;
    terminal::enable_raw_mode().context("the terminal can't be used")?;
    let _raw = Raw;
    // It grows in its place and is overwritten at the end, so that no copy is left behind.
    let mut typed = Zeroizing::new(String::with_capacity(1024));
    loop {
        let Event::Key(key) = event::read().context("the terminal can't be read")? else { continue };
        if key.kind == KeyEventKind::Release {
            continue;
        }
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Enter if !typed.is_empty() => return Ok(SecretString::from(typed.as_str())),
            KeyCode::Esc => bail!("given up"),
            KeyCode::Char('c' | 'd') if control => bail!("given up"),
            KeyCode::Char('u') if control => typed.zeroize(),
            KeyCode::Char(c) if !control => typed.push(c),
            KeyCode::Backspace => drop(typed.pop()),
            _ => {}
        }
    }
}

/// Asks twice, for a secret that nobody can look up afterwards.
///
/// # Errors
/// As [`secret`], and when the two differ.
pub fn new_secret(question: &str) -> Result<SecretString> {
    let first = secret(question)?;
    if std::io::stdin().is_terminal() && secret("The same again")?.expose_secret() != first.expose_secret() {
        bail!("the two differ");
    }
    Ok(first)
}

/// Asks a question that can be answered by `y`. Without a terminal the answer is no.
///
/// # Errors
/// When the terminal can't be used.
pub fn yes(question: &str) -> Result<bool> {
    if !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    eprint!("{question} [y/N] ");
    std::io::stderr().flush().context("the terminal can't be used")?;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).context("can't read standard input")?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}
