//! Who a socket belongs to.

use std::fmt;

/// A user, perhaps with a group, as the configuration names them. Whether they exist is known only
/// to the machine that the service runs on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Owner {
    /// Who may connect.
    pub user: Account,
    /// Whose members may connect when the mode lets them; the user's own group when absent.
    pub group: Option<Account>,
}

/// A user or group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Account {
    /// By number.
    Id(u32),
    /// By name.
    Name(String),
}

impl Owner {
    /// Reads `USER` or `USER:GROUP`, each by name or by number.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (user, group) = match text.split_once(':') {
            None => (text, None),
            Some((user, group)) => (user, Some(Account::parse(group)?)),
        };
        Some(Self { user: Account::parse(user)?, group })
    }
}

impl Account {
    fn parse(text: &str) -> Option<Self> {
        let first = text.bytes().next()?;
        if first.is_ascii_digit() {
            // The largest number stands for "nobody in particular" in system calls.
            return text.parse().ok().filter(|id| *id != u32::MAX).map(Self::Id);
        }
        // What the account tools allow: the rest could be taken for something else.
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
        let fits = text.len() <= 32 && text.bytes().all(plain) && first != b'-';
        fits.then(|| Self::Name(text.to_owned()))
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => write!(f, "{id}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.user)?;
        self.group.as_ref().map_or(Ok(()), |group| write!(f, ":{group}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_what_it_reads() {
        for text in ["anna", "anna:video", "1000", "1000:44", "guest-ivi:0", "_x.y"] {
            assert_eq!(Owner::parse(text).unwrap().to_string(), text);
        }
        for bad in
            ["", ":", "anna:", ":video", "a b", "-x", "4294967295", "99999999999", "1x", "a:b:c"]
        {
            assert_eq!(Owner::parse(bad), None, "{bad}");
        }
    }
}
