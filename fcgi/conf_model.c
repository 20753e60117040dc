/* conf_model.c - the sections [model NAME]: their names, and what they mean together. */
#include "conf.h"

#include <string.h>

#include "conf_table.h"

const char *
conf_list_next(const char **at, size_t *len)
{
	const char *from = *at + strspn(*at, ", \t");

	if (*from == '\0')
		return NULL;
	*len = strcspn(from, ",");
	*at = from + *len;
	while (*len > 0 && (from[*len - 1] == ' ' || from[*len - 1] == '\t'))
		--*len;
	return from;
}

static bool
list_has(const char *list, const char *name)
{
	size_t len, wanted = strlen(name);
	const char *one;

	while ((one = conf_list_next(&list, &len)) != NULL)
		if (len == wanted && memcmp(one, name, len) == 0)
			return true;
	return false;
}

const struct conf_model *
conf_model_find(const struct conf *c, const char *name)
{
	for (size_t i = 0; i < c->model_count; i++)
		if (strcmp(c->models[i].name, name) == 0)
			return &c->models[i];
	return NULL;
}

const struct conf_model *
conf_model_named(const struct conf *c, const char *name)
{
	const struct conf_model *m = conf_model_find(c, name);

	for (size_t i = 0; m == NULL && i < c->model_count; i++)
		if (list_has(c->models[i].alias, name))
			m = &c->models[i];
	return m;
}

static bool
model_is_same(const struct conf_model *a, const struct conf_model *b)
{
	if (strcmp(a->name, b->name) != 0)
		return false;
	for (size_t i = 0; i < conf_row_count; i++)
		if (conf_rows[i].section == IN_MODEL && !conf_value_is_same(&conf_rows[i], a, b))
			return false;
	return true;
}

bool
conf_models_differ(const struct conf *a, const struct conf *b)
{
	if (a->model_count != b->model_count)
		return true;
	for (size_t i = 0; i < a->model_count; i++)
		if (!model_is_same(&a->models[i], &b->models[i]))
			return true;
	return false;
}

/* Nobody may be known by a name that another has. */
static int
check_alias(const struct conf *c, size_t i, struct err *e)
{
	const char *at = c->models[i].alias, *one;
	char name[MODEL_LIST_NAME_BYTES];
	size_t len;

	while ((one = conf_list_next(&at, &len)) != NULL) {
		if (len >= sizeof name)
			return err_set(e, ERR_CONFIG, "a name of more than %zu bytes", sizeof name - 1);
		memcpy(name, one, len);
		name[len] = '\0';
		if (conf_model_find(c, name) != NULL)
			return err_set(e, ERR_CONFIG, "\"%s\" is a section already", name);
		for (size_t j = 0; j < i; j++)
			if (list_has(c->models[j].alias, name))
				return err_set(e, ERR_CONFIG, "[model %s] is called \"%s\" already",
				    c->models[j].name, name);
	}
	return 0;
}

/* Vectors of two models cannot be compared: a failover is the same model elsewhere. */
static int
check_failover(const struct conf *c, size_t i, struct err *e)
{
	const struct conf_model *m = &c->models[i], *other;
	const char *at = m->failover, *one;
	char name[MODEL_LIST_NAME_BYTES];
	size_t len, count = 0;

	while ((one = conf_list_next(&at, &len)) != NULL) {
		snprintf(name, sizeof name, "%.*s", (int)len, one);
		if ((other = conf_model_find(c, name)) == NULL)
			return err_set(e, ERR_CONFIG, "there is no [model %s]", name);
		if (other == m || ++count > CONF_FAILOVER_MAX)
			return err_set(e, ERR_CONFIG, "up to %d others, without itself",
			    CONF_FAILOVER_MAX);
		if (other->kind != m->kind)
			return err_set(e, ERR_CONFIG, "[model %s] is of another kind", name);
		if (m->kind == MODEL_EMBEDDING && (other->dimension != m->dimension ||
			strcmp(other->document_prefix, m->document_prefix) != 0 ||
			strcmp(other->query_prefix, m->query_prefix) != 0))
			return err_set(e, ERR_CONFIG, "[model %s] has another dimension or prefix: it "
			    "does not make the same vectors", name);
	}
	return 0;
}

static int
check_api(const struct conf_model *m, struct err *e)
{
	if (m->kind == MODEL_CHAT && m->api != API_OPENAI && m->api != API_OLLAMA)
		return err_set(e, ERR_CONFIG, "a chat speaks openai or ollama");
	if (m->kind == MODEL_RERANK && m->api == API_OLLAMA)
		return err_set(e, ERR_CONFIG, "ollama does not rerank");
	return 0;
}

int
conf_model_check(const struct conf *c, size_t i, const char **key, struct err *e)
{
	const struct conf_model *m = &c->models[i];

	*key = "api";
	if (check_api(m, e) == -1)
		return -1;
	*key = "alias";
	if (check_alias(c, i, e) == -1)
		return -1;
	*key = "send_dimension";
	if (m->send_dimension && m->dimension == 0)
		return err_set(e, ERR_CONFIG, "there is no dimension to send");
	*key = "failover";
	return check_failover(c, i, e);
}
