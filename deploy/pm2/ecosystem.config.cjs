// For sites that already run PM2; elsewhere take systemd. docs/containers.md says what is lost.
//     pm2 start deploy/pm2/ecosystem.config.cjs
const twistd = "/opt/snowflake-mcp/venv/bin/twistd";
const config = "/etc/snowflake-mcp/config.toml";
const port = "8000";

module.exports = {
  apps: [
    {
      name: "snowflake-mcp",
      script: twistd,
      args: [
        "-n",
        "--pidfile=",
        "--logger=snowflake_mcp.ops.logs.stdout_json",
        "snowflake-mcp",
        "--no-demo",
        "--config",
        config,
        "--port",
        port,
      ],
      interpreter: "none",
      exec_mode: "fork",
      instances: 1,
      // PM2 sends SIGINT, which drains; SIGKILL only after limits.drain_s, limits.abort_s and all
      // that follows them (37.5 s).
      kill_timeout: 60000,
      treekill: false,
      restart_delay: 2000,
      min_uptime: 5000,
      max_restarts: 5,
      merge_logs: true,
    },
  ],
};
