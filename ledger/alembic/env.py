"""Runs a program's migrations on the connection that ledger.migrating hands over."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=context.config.attributes.get("metadata"),
    render_as_batch=True,
    transactional_ddl=True,
)
# One transaction for all: a cut in the middle leaves the file as it was. A table that
# is made anew is dropped first, so references are checked at the end instead.
connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
connection.commit()
with context.begin_transaction():
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    context.run_migrations()
    if connection.exec_driver_sql("PRAGMA foreign_key_check").first():
        raise ValueError("a migration left a reference to nothing")
