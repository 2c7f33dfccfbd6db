mod failures;
mod identity;
mod path;
mod transfer;
mod upgrade;
