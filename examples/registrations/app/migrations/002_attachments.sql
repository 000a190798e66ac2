create table registrations.attachment (
    registration uuid primary key references registrations.registration on delete cascade,
    stored_name text not null unique,
    file_name text not null,
    content_type text not null,
    size_bytes integer not null,
    sha256 text not null,
    created timestamptz not null default now()
);
