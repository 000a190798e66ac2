"""The smallest command line that typer makes: what ``tenantry --help`` is measured against."""

import typer

app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def main() -> None:
    """Do nothing."""


if __name__ == "__main__":
    app()
