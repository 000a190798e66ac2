create table registrations.account (
    email text primary key check (email = lower(email)),
    password_hash text not null,
    created timestamptz not null default now(),
    updated timestamptz not null default now(),
    last_login timestamptz
);

create table registrations.registration (
    id uuid primary key,
    name text not null check (length(name) between 1 and 120),
    phone text not null,
    household_size integer not null check (household_size between 1 and 50),
    language text not null,
    note text not null default '' check (length(note) <= 500),
    created timestamptz not null default now(),
    updated timestamptz not null default now()
);

create index registration_created on registrations.registration (created desc, id);
